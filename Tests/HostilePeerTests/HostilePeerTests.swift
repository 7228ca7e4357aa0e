// HostilePeerTests
