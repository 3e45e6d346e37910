"""SOAP, the protocol of the ECC servers."""
