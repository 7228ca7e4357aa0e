// InteroperabilityTests
