// TrackerServerTests
