import PieceStorage

/// What the loops of a session share. Thread-safe; nothing of it is locked for a block.
final class SharedResources: Sendable {
  let disk: DiskPool
  let connections: ConnectionPermits
  /// Memory of pieces that are being gathered or written.
  let pieces: PieceBufferPool
  /// The ways to the proxies.
  let routes: ProxyRoutes
  /// `nil` if there is one loop only.
  let limits: SharedLimits?

  init(_ configuration: SessionConfiguration, routes: ProxyRoutes, loops: Int) {
    self.routes = routes
    disk = DiskPool(threads: configuration.diskThreads)
    connections = ConnectionPermits(limit: configuration.connections)
    pieces = PieceBufferPool(limit: configuration.pendingPieceBytes)
    limits = loops > 1 ? SharedLimits(configuration, loops: loops) : nil
  }
}
