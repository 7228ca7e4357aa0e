// TrackerProtocol
