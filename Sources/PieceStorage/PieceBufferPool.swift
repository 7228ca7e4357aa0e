internal import Glibc
internal import Synchronization

/// Memory for pieces that are gathered, or for blocks on their way out: page-aligned, reused, bounded.
/// Thread-safe.
///
/// A buffer goes back when its last reference is dropped.
public final class PieceBufferPool: Sendable {
  private struct State {
    var limit: Int
    var free: [Allocation] = []
    var freeBytes = 0
    var usedBytes = 0
    var peakBytes = 0

    mutating func use(_ bytes: Int) {
      usedBytes += bytes
      peakBytes = max(peakBytes, usedBytes + freeBytes)
    }
  }

  private let state: Mutex<State>

  /// A pool of at most `limit` bytes.
  public init(limit: Int) { state = Mutex(State(limit: limit)) }

  /// Bytes that the pool may hold, in use or kept for reuse.
  public var limit: Int { state.withLock { $0.limit } }

  /// Sees to it that the pool may hold `bytes`: for pieces of which few would fit.
  public func raise(to bytes: Int) { state.withLock { $0.limit = max($0.limit, bytes) } }

  deinit {
    state.withLock { state in
      for allocation in state.free { unsafe free(allocation.address) }
    }
  }

  /// Bytes in buffers that are in use now, rounded up to pages.
  public var usedBytes: Int { state.withLock { $0.usedBytes } }

  /// The most bytes that the pool ever held, those kept for reuse included.
  public var peakBytes: Int { state.withLock { $0.peakBytes } }

  /// A buffer of `count` bytes with arbitrary content, or `nil` if that would exceed the limit: wait
  /// until one is dropped. While none is in use one is always given, however large, so that pieces
  /// above the limit can be fetched at all.
  public func take(_ count: Int) -> PieceBuffer? {
    let page = 4096
    let capacity = max(page, (count + page - 1) / page * page)
    let (reused, surplus) = state.withLock { state -> (Allocation?, [Allocation]) in
      if let index = state.free.firstIndex(where: { $0.capacity >= capacity && $0.capacity <= 2 * capacity }),
        state.usedBytes == 0 || state.usedBytes + state.free[index].capacity <= state.limit
      {
        let allocation = state.free.remove(at: index)
        state.freeBytes -= allocation.capacity
        state.use(allocation.capacity)
        return (allocation, [])
      }
      guard state.usedBytes == 0 || state.usedBytes + capacity <= state.limit else { return (nil, []) }
      // Buffers of another size make room.
      var surplus: [Allocation] = []
      while state.usedBytes + state.freeBytes + capacity > state.limit, let allocation = state.free.popLast()
      {
        state.freeBytes -= allocation.capacity
        surplus.append(allocation)
      }
      state.use(capacity)
      return unsafe (Allocation(capacity: capacity), surplus)
    }
    for allocation in surplus { unsafe free(allocation.address) }
    guard let reused else { return nil }
    guard unsafe reused.address == nil else { return PieceBuffer(self, reused, count) }
    var address: UnsafeMutableRawPointer?
    let failed = unsafe posix_memalign(&address, page, capacity)
    precondition(failed == 0, "out of memory")
    return unsafe PieceBuffer(self, Allocation(address: address, capacity: capacity), count)
  }

  /// Gives memory that is kept for reuse back to the system; for when a torrent has ended.
  public func trim() {
    let surplus = state.withLock { state in
      let surplus = state.free
      state.free = []
      state.freeBytes = 0
      return surplus
    }
    for allocation in surplus { unsafe free(allocation.address) }
  }

  fileprivate func giveBack(_ allocation: Allocation) {
    let surplus = state.withLock { state in
      state.usedBytes -= allocation.capacity
      guard state.usedBytes + state.freeBytes + allocation.capacity <= state.limit else { return true }
      state.free.append(allocation)
      state.freeBytes += allocation.capacity
      return false
    }
    if surplus { unsafe free(allocation.address) }
  }
}

@safe
private struct Allocation: @unchecked Sendable {
  var address: UnsafeMutableRawPointer?
  var capacity: Int
}

/// Memory of a `PieceBufferPool`, given back at the end of its life.
///
/// Unchecked `Sendable`: whoever holds it agrees on who touches the bytes; a loop fills it, then hands
/// it to a disk thread, which is done before the result comes back.
@safe
public final class PieceBuffer: @unchecked Sendable {
  /// Bytes that were asked for.
  public let count: Int
  private let pool: PieceBufferPool
  private let allocation: Allocation

  fileprivate init(_ pool: PieceBufferPool, _ allocation: Allocation, _ count: Int) {
    self.pool = pool
    self.allocation = allocation
    self.count = count
  }

  deinit { pool.giveBack(allocation) }

  /// The bytes. Valid while the buffer lives.
  public var memory: UnsafeMutableRawBufferPointer {
    unsafe UnsafeMutableRawBufferPointer(start: allocation.address, count: count)
  }

  /// Copies `bytes` to `offset`; they must fit.
  public func store(_ bytes: RawSpan, at offset: Int) {
    precondition(offset >= 0 && bytes.byteCount <= count - offset)
    unsafe bytes.withUnsafeBytes { source in
      guard let address = unsafe allocation.address, let from = source.baseAddress else { return }
      unsafe memcpy(address + offset, from, source.count)
    }
  }

  /// Sets the bytes in `range` to zero; it must lie inside.
  public func zero(_ range: Range<Int>) {
    precondition(range.lowerBound >= 0 && range.upperBound <= count)
    guard let address = unsafe allocation.address else { return }
    unsafe memset(address + range.lowerBound, 0, range.count)
  }
}
