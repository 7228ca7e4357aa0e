import Glibc
import PieceStorage
import Testing

@testable import BitTorrent

@Suite struct SendQueueTests {
  private let pool = PieceBufferPool(limit: 64 << 20)

  private func batch(_ byte: UInt8, count: Int = 3) throws -> PieceBuffer {
    let buffer = try #require(pool.take(count))
    let bytes = [UInt8](repeating: byte, count: count)
    buffer.store(bytes.span.bytes, at: 0)
    return buffer
  }

  /// What arrives at the other end of a socket; `halfway` is called when the socket takes no more.
  private func sent(_ queue: inout SendQueue, halfway: (inout SendQueue) throws -> Void = { _ in }) throws
    -> [UInt8]
  {
    var ends: [Int32] = [0, 0]
    #expect(
      socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0, &ends) == 0)
    let stream = PeerStream(.tcp(ends[0]))
    defer {
      stream.close()
      close(ends[1])
    }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 20)
    var isFirst = true
    while !queue.isEmpty {
      while case .bytes = queue.write(to: stream), !queue.isEmpty {}
      if isFirst { try halfway(&queue) }
      isFirst = false
      let count = read(ends[1], &chunk, chunk.count)
      bytes += chunk.prefix(max(count, 0))
    }
    while case let count = read(ends[1], &chunk, chunk.count), count > 0 {
      bytes += chunk.prefix(count)
    }
    return bytes
  }

  @Test func `messages overtake blocks and keep their order`() throws {
    var queue = SendQueue()
    queue.append([7], inOrder: false)
    queue.append(try batch(1), byteCount: 3)
    queue.append(try batch(2), byteCount: 3)
    queue.append([8], inOrder: false)
    queue.append([9], inOrder: false)
    #expect(queue.byteCount == 9)
    #expect(try sent(&queue) == [7, 8, 9, 1, 1, 1, 2, 2, 2])
  }

  @Test func `messages about blocks do not overtake them, nor do others then`() throws {
    var queue = SendQueue()
    queue.append(try batch(1), byteCount: 3)
    queue.append([7], inOrder: true)
    queue.append(try batch(2), byteCount: 3)
    queue.append([8], inOrder: false)
    #expect(try sent(&queue) == [1, 1, 1, 7, 2, 2, 2, 8])
    // Nothing is left of that.
    queue.append(try batch(1), byteCount: 3)
    queue.append([8], inOrder: false)
    #expect(try sent(&queue) == [8, 1, 1, 1])
  }

  @Test func `a batch that is half written is ended first`() throws {
    var queue = SendQueue()
    let size = 4 << 20
    queue.append(try batch(1, count: size), byteCount: size)
    queue.append(try batch(2), byteCount: 3)
    let bytes = try sent(&queue) { queue in
      #expect(queue.byteCount < size)
      queue.append([7], inOrder: false)
      queue.append([8], inOrder: false)
    }
    #expect(bytes.count == size + 5 && bytes.suffix(6) == [1, 7, 8, 2, 2, 2])
  }
}
