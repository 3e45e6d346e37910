"""What is kept for good: kinds of records, and the tables that hold them."""
