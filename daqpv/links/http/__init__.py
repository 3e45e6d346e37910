"""HTTP: exchanges with gSOAP servers, a router's page."""
