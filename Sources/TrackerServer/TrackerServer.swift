// TrackerServer: the swarm table (sans-I/O) and the tracker's HTTP front end over it. May import
// TrackerProtocol, HTTPServer, EventLoop and the floor.
