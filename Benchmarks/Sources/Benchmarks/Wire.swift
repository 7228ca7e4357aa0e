import Bytes
import PeerProtocol

/// Messages between peers.
enum Wire {
  static let all = [decodePieces, decodeHaves, encodeRequests]

  /// As a read brings them: 256 KiB of blocks, the last one cut.
  private static let decodePieces = Benchmark(
    "frames: decode a piece message", operations: 100_000, stepped: 32
  ) {
    var buffer: [UInt8] = []
    let block = [UInt8](repeating: 7, count: 16 << 10)
    for index in 0..<16 {
      buffer.append(piece: 3, begin: index << 14, payload: block.rawBytes)
    }
    buffer.removeLast(buffer.count - 256 << 10)
    return { count in decode(count, in: buffer) }
  }

  private static let decodeHaves = Benchmark(
    "frames: decode a have message", operations: 1_000_000, stepped: 32
  ) {
    var buffer: [UInt8] = []
    for piece in 0..<1000 { buffer.append(have: piece) }
    return { count in decode(count, in: buffer) }
  }

  private static func decode(_ count: Int, in buffer: [UInt8]) {
    var done = 0
    var sum = 0
    var offset = 0
    while done < count {
      switch FrameDecoder.next(in: buffer.rawBytes, from: offset) {
      case .message(.piece(let piece, let begin, let payload), let next):
        sum &+= piece &+ begin &+ payload.count
        offset = next
        done += 1
      case .message(.have(let piece), let next):
        sum &+= piece
        offset = next
        done += 1
      default:
        offset = 0
      }
    }
    use(sum)
  }

  private static let encodeRequests = Benchmark(
    "frames: encode a request", operations: 1_000_000, stepped: 32
  ) {
    var buffer: [UInt8] = []
    buffer.reserveCapacity(256 * 17)
    return { count in encode(count, into: &buffer) }
  }

  private static func encode(_ count: Int, into buffer: inout [UInt8]) {
    for number in 0..<count {
      if number & 255 == 0 { buffer.removeAll(keepingCapacity: true) }
      buffer.append(request: BlockRequest(piece: number >> 4, begin: (number & 15) << 14, length: 16 << 10))
    }
    use(buffer.count)
  }
}
