import Digest
private import Glibc
import PieceStorage

/// What waits to be written to a socket: control messages and batches of blocks. Messages go ahead of batches
/// that were not begun, so that requests and haves do not wait for half a second behind them.
struct SendQueue {
  private enum Part {
    case control([UInt8])
    case blocks(PieceBuffer, byteCount: Int)
  }

  private var parts: [Part] = []
  private var first = 0
  /// The last of `parts` that are messages which nothing may overtake; less than `first` if none waits.
  private var lastInOrder = -1
  /// Bytes of the first part that have been written.
  private var written = 0
  /// Bytes that wait.
  private(set) var byteCount = 0

  var isEmpty: Bool { byteCount == 0 }

  /// Encrypts what is appended from now on. What is encrypted leaves in the order in which it was appended:
  /// nothing overtakes then.
  var cipher: RC4?

  /// Appends messages. O(what waits).
  ///
  /// - Parameters:
  ///   - control: whole messages.
  ///   - inOrder: whether they may not overtake blocks, because they are about these (choke). As
  ///     long as such ones wait, no others overtake: messages keep their order among themselves.
  mutating func append(_ control: [UInt8], inOrder: Bool) {
    guard !control.isEmpty else { return }
    byteCount += control.count
    if let cipher {
      var hidden = control
      cipher.apply(to: &hidden)
      lastInOrder = parts.count
      return parts.append(.control(hidden))
    }
    guard !inOrder, lastInOrder < first else {
      if inOrder { lastInOrder = parts.count }
      return parts.append(.control(control))
    }
    var place = written > 0 ? first + 1 : first
    while place < parts.count, case .control = parts[place] { place += 1 }
    parts.insert(.control(control), at: place)
  }

  mutating func append(_ blocks: PieceBuffer, byteCount count: Int) {
    guard count > 0 else { return }
    byteCount += count
    if let cipher {
      unsafe cipher.apply(to: UnsafeMutableRawBufferPointer(rebasing: blocks.memory[..<count]))
    }
    parts.append(.blocks(blocks, byteCount: count))
  }

  mutating func removeAll() {
    parts = []
    first = 0
    lastInOrder = -1
    written = 0
    byteCount = 0
  }

  /// Writes what the stream takes.
  mutating func write(to stream: PeerStream) -> PeerStream.Moved {
    let most = 16
    let moved = unsafe withUnsafeTemporaryAllocation(of: iovec.self, capacity: most) {
      vectors -> PeerStream.Moved in
      var used = 0
      for part in parts[first...].prefix(most) {
        let skip = used == 0 ? written : 0
        unsafe vectors[used] = Self.vector(part, skip: skip)
        used += 1
      }
      guard let first = vectors.baseAddress else { return .none }
      return unsafe stream.write(first, count: used)
    }
    if case .bytes(let count) = moved { advance(count) }
    return moved
  }

  /// The arrays and buffers stay referenced by `parts` while the call lasts.
  private static func vector(_ part: Part, skip: Int) -> iovec {
    switch part {
    case .control(let bytes):
      return unsafe bytes.withUnsafeBytes { buffer in
        unsafe iovec(
          iov_base: UnsafeMutableRawPointer(mutating: buffer.baseAddress?.advanced(by: skip)),
          iov_len: buffer.count - skip)
      }
    case .blocks(let buffer, let count):
      return unsafe iovec(iov_base: buffer.memory.baseAddress?.advanced(by: skip), iov_len: count - skip)
    }
  }

  private mutating func advance(_ count: Int) {
    byteCount -= count
    written += count
    while first < parts.count, written >= Self.size(parts[first]) {
      written -= Self.size(parts[first])
      // The memory of blocks goes back to its pool now, not when the queue is empty.
      parts[first] = .control([])
      first += 1
    }
    if first == parts.count {
      parts.removeAll(keepingCapacity: true)
      first = 0
      lastInOrder = -1
    } else if first > 32 {
      parts.removeFirst(first)
      lastInOrder = max(lastInOrder - first, -1)
      first = 0
    }
  }

  private static func size(_ part: Part) -> Int {
    switch part {
    case .control(let bytes): bytes.count
    case .blocks(_, let count): count
    }
  }
}
