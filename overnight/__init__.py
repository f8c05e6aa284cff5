"""The library everything else stands on; it knows neither HTTP serving nor Temporal."""
