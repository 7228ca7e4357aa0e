import EventLoop
import PieceStorage

/// What the loops of a session share. Thread-safe; nothing of it is locked for a block.
final class SharedResources: Sendable {
  let disk: DiskPool
  let connections: ConnectionPermits
  /// Memory of pieces that are being gathered or written.
  let pieces: PieceBufferPool
  /// The blocklist.
  let filter: AddressFilter
  /// Where others see us.
  let externals = ExternalAddresses()
  /// At which ports others reach us.
  let publicPorts = PublicPorts()
  /// The interface that all goes through; `nil` if any will do.
  let binding: SocketBinding?
  /// `nil` if there is one loop only.
  let limits: SharedLimits?

  init(_ configuration: SessionConfiguration, binding: SocketBinding?, loops: Int) {
    disk = DiskPool(threads: configuration.diskThreads)
    connections = ConnectionPermits(limit: configuration.connections)
    self.binding = binding
    filter = AddressFilter(configuration.blocklist)
    pieces = PieceBufferPool(limit: configuration.pendingPieceBytes)
    limits = loops > 1 ? SharedLimits(configuration, loops: loops) : nil
  }
}
