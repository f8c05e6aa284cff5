"""One step of a batch's story each: unpack, call a store or an endpoint, heartbeat, say how it went."""
