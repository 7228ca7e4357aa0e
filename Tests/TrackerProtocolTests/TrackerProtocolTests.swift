// TrackerProtocolTests
