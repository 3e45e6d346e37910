"""The tables of the store, their versions, and the engines that hold them."""
