"""Link to OPC UA servers: subscriptions, and writes."""
