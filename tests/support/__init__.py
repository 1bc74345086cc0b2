"""What the tests run against: real servers, cloned databases and the service's real processes."""
