import Addresses
import Digest
import Foundation
import Synchronization
import TestSupport

/// A seeder inside of the test that speaks v2 (BEP 52) by hand, and lies where it is told to.
final class LeafPeer: Sendable {
  /// What it answers to a request for leaf hashes.
  enum Hashes: Equatable {
    case right, wrong, rejected, none
    case late(milliseconds: Int)
  }

  struct Script {
    /// How many of the first blocks that it sends are wrong, and after how many right ones.
    var bad = 0
    var goodBefore = 0
    var hashes = Hashes.right
    /// Microseconds between two blocks.
    var pause: UInt32 = 2000
    /// Whether it lets anybody ask for blocks.
    var unchokes = true
  }

  struct Record {
    var blocks = 0
    var badBlocks: [Int] = []
    var hashRequests = 0
    var connections = 0
    /// Whether its last connection has ended, and the blocks that had been sent by then.
    var isClosed = false
    var sentAtClose = 0
  }

  private let torrent: TestTorrent
  private let script: Script
  private let record = Mutex(Record())
  private let server = Mutex<SocketServer?>(nil)

  init(_ torrent: TestTorrent, on stage: Stage, _ script: Script = Script()) throws {
    self.torrent = torrent
    self.script = script
    let started = try stage.server { [weak self] connection in
      // Being dropped is what a liar deserves.
      try? self?.serve(RawPeer(accepting: connection))
      self?.record.withLock { record in
        record.isClosed = true
        record.sentAtClose = record.blocks
      }
    }
    server.withLock { $0 = started }
  }

  var soFar: Record { record.withLock { $0 } }

  var endpoint: Endpoint {
    let address = server.withLock { $0?.address } ?? TestAddress(ip: "0.0.0.0", port: 0)
    return Endpoint(IPAddress(address.ip) ?? .loopbackV4, port: address.port)
  }

  private func serve(_ peer: RawPeer) throws {
    record.withLock { record in
      record.connections += 1
      record.isClosed = false
    }
    peer.connection.setLimit(.seconds(30))
    try peer.send(WireMessage.fullBitfield(torrent.pieceCount))
    if script.unchokes { try peer.send(WireMessage.unchoke) }
    while true {
      let message = try peer.receive()
      switch message.id {
      case 6: try sendBlock(message, to: peer)
      case 21: try answer(message, to: peer)
      default: break
      }
    }
  }

  private func sendBlock(_ request: RawPeer.Message, to peer: RawPeer) throws {
    let (piece, begin, length) = (request.number(0), request.number(4), request.number(8))
    var content = torrent.block(piece, begin, length)
    usleep(script.pause)
    record.withLock { record in
      if record.blocks >= script.goodBefore, record.badBlocks.count < script.bad {
        content[content.count / 3] ^= 0x10
        record.badBlocks.append(piece * torrent.pieceLength + begin)
      }
      record.blocks += 1
    }
    try peer.send(WireMessage.piece(piece, begin, content))
  }

  private func answer(_ request: RawPeer.Message, to peer: RawPeer) throws {
    record.withLock { $0.hashRequests += 1 }
    switch script.hashes {
    case .none: return
    case .rejected: try peer.send(WireMessage.message(23, request.payload))
    case .right: try peer.send(hashes(request))
    case .wrong:
      var answer = try hashes(request)
      answer[answer.count - 32 * request.number(40)] ^= 1
      try peer.send(answer)
    case .late(let milliseconds):
      // Blocks go on meanwhile.
      let (answer, peer) = (try hashes(request), peer)
      Thread.detachNewThread {
        usleep(UInt32(milliseconds) * 1000)
        try? peer.send(answer)
      }
    }
  }

  /// The leaf hashes; no test here asks for a proof beyond the piece.
  private func hashes(_ request: RawPeer.Message) throws -> [UInt8] {
    let (base, index, length, proofs) =
      (request.number(32), request.number(36), request.number(40), request.number(44))
    guard base == 0, length * 16384 >= torrent.pieceLength || length * 16384 >= torrent.size,
      1 << (proofs + 1) <= length
    else { throw TestFailure("an unexpected request: \(base) \(index) \(length) \(proofs)") }
    var hashes: [UInt8] = []
    for leaf in index..<index + length {
      let start = leaf * 16384
      hashes +=
        start < torrent.size
        ? SHA256.hash(torrent.payload.bytes(start..<min(torrent.size, start + 16384)).rawBytes).bytes
        : [UInt8](repeating: 0, count: 32)
    }
    return WireMessage.message(22, request.payload + hashes)
  }
}
