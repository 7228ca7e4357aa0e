// PeerProtocolTests
