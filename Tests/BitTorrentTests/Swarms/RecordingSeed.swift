import Foundation
import Synchronization
import TestSupport

/// A seed that writes down what it is asked for, in the order in which it is asked, and answers no more blocks
/// than it may: what a downloader decides can be told apart from how fast the machine is.
final class RecordingSeed: Sendable {
  private struct Life {
    /// Pieces of the blocks that it was asked for.
    var asked: [Int] = []
    var waiting: [RawPeer.Message] = []
    var allowed: Int
  }

  private let peer: RawPeer
  private let content: Data
  private let pieceLength: Int
  private let life: Mutex<Life>

  /// Connects to who downloads `content` at `port`, and may answer `allowed` blocks.
  private init(to port: UInt16, infoHash: [UInt8], content: Data, pieceLength: Int, allowed: Int) throws {
    peer = try RawPeer(to: TestAddress(ip: "127.0.0.1", port: port), infoHash: infoHash)
    self.content = content
    self.pieceLength = pieceLength
    life = Mutex(Life(allowed: allowed))
  }

  /// The same for the downloader of `order`, which it is served until `body` is over.
  static func with(
    _ order: OrderStage, allowed: Int = .max, _ body: (RecordingSeed) async throws -> Void
  ) async throws {
    guard let port = order.leech.listening.first?.port, let hash = order.info.infoHashV1 else {
      throw SwarmFailure(reason: "there is nobody to connect to")
    }
    let content = order.content
    let seed = try await onThread { [info = order.info] in
      try RecordingSeed(
        to: port, infoHash: hash.bytes, content: content, pieceLength: info.pieceLength, allowed: allowed)
    }
    async let serving: Void = onThread { seed.serve() }
    do {
      try await body(seed)
    } catch {
      seed.peer.connection.close()
      try await serving
      throw error
    }
    seed.peer.connection.close()
    try await serving
  }

  /// Pieces in the order in which they were first asked for.
  var pieces: [Int] {
    var seen: Set<Int> = []
    return asked.filter { seen.insert($0).inserted }
  }

  /// The piece of each block that it was asked for.
  var asked: [Int] { life.withLock(\.asked) }

  /// Lets it answer everything.
  func answerAll() {
    life.withLock { life in
      life.allowed = .max
      answer(&life)
    }
  }

  private func serve() {
    peer.connection.setLimit(.seconds(60))
    let count = (content.count + pieceLength - 1) / pieceLength
    try? peer.send(WireMessage.fullBitfield(count) + WireMessage.unchoke)
    // However the other side goes away, the connection is over.
    while let message = try? peer.receive() { take(message) }
  }

  private func take(_ message: RawPeer.Message) {
    life.withLock { life in
      switch message.id {
      case 6:
        life.asked.append(message.number(0))
        life.waiting.append(message)
      case 8:
        life.waiting.removeAll { $0.payload == message.payload }
      default:
        return
      }
      answer(&life)
    }
  }

  private func answer(_ life: inout Life) {
    while life.allowed > 0, !life.waiting.isEmpty {
      let request = life.waiting.removeFirst()
      let (piece, begin, length) = (request.number(0), request.number(4), request.number(8))
      let start = piece * pieceLength + begin
      life.allowed -= 1
      try? peer.send(WireMessage.piece(piece, begin, Array(content[start..<(start + length)])))
    }
  }
}
