"""HTTP: exchanges with gSOAP servers, and a router's page."""
