// TrackerServer: the swarm table (sans-I/O) and the tracker's front ends over it, with what an operator needs: lists,
// metrics, the status page. May import TrackerProtocol, PeerProtocol (names of clients), HTTPServer, EventLoop and the
// floor.
