import Digest
private import Glibc
import PieceStorage

/// What waits to be written to a socket, in order: control messages and batches of blocks.
struct SendQueue {
  private enum Part {
    case control([UInt8])
    case blocks(PieceBuffer, byteCount: Int)
  }

  private var parts: [Part] = []
  private var first = 0
  /// Bytes of the first part that have been written.
  private var written = 0
  /// Bytes that wait.
  private(set) var byteCount = 0

  var isEmpty: Bool { byteCount == 0 }

  /// Encrypts what is appended from now on.
  var cipher: RC4?

  mutating func append(_ control: [UInt8]) {
    guard !control.isEmpty else { return }
    byteCount += control.count
    guard let cipher else { return parts.append(.control(control)) }
    var hidden = control
    cipher.apply(to: &hidden)
    parts.append(.control(hidden))
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
    } else if first > 32 {
      parts.removeFirst(first)
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
