// TrackerServer
