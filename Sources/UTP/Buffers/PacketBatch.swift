public import Addresses

/// Datagrams that are to be sent, one behind another in one block of memory, so that one system call sends
/// many. Those of one connection follow each other.
@safe
public struct PacketBatch: ~Copyable {
  /// One datagram.
  public struct Datagram: Sendable {
    /// Where it lies in the batch.
    public let range: Range<Int>
    /// Where it goes.
    public let destination: Endpoint
    /// Whether the path must not cut it into fragments: it tries out whether it fits.
    public let isProbe: Bool
  }

  /// The datagrams, in the order in which they are to be sent.
  public private(set) var datagrams: [Datagram] = []
  private let base: UnsafeMutableRawPointer
  private let capacity: Int
  private let limit: Int
  private var used = 0

  /// Bytes that a batch has room for unless told otherwise.
  public static let usualBytes = 256 << 10

  /// Room for `limit` datagrams of `byteCount` bytes together; at least for one of any size.
  public init(limit: Int = 64, byteCount: Int = PacketBatch.usualBytes) {
    self.limit = limit
    capacity = max(byteCount, 65_536)
    unsafe base = .allocate(byteCount: capacity, alignment: 64)
    datagrams.reserveCapacity(limit)
  }

  deinit { unsafe base.deallocate() }

  /// All bytes of the batch.
  public var bytes: UnsafeRawBufferPointer { unsafe UnsafeRawBufferPointer(start: base, count: used) }

  /// Empties the batch.
  public mutating func removeAll() {
    datagrams.removeAll(keepingCapacity: true)
    used = 0
  }

  /// Whether a datagram of `count` bytes has room.
  func hasRoom(_ count: Int) -> Bool { datagrams.count < limit && used + count <= capacity }

  /// Room for a datagram of `count` bytes, which the caller fills; there is room.
  mutating func add(_ count: Int, to destination: Endpoint, isProbe: Bool = false)
    -> UnsafeMutableRawBufferPointer
  {
    precondition(hasRoom(count))
    let range = used..<used + count
    datagrams.append(Datagram(range: range, destination: destination, isProbe: isProbe))
    used = range.upperBound
    return unsafe UnsafeMutableRawBufferPointer(start: base + range.lowerBound, count: count)
  }
}
