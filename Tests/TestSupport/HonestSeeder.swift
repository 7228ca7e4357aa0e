import Foundation
import Synchronization

/// A seeder inside of the test that keeps to the protocol, counts what it serves, and can be slow.
public final class HonestSeeder: Sendable {
  /// Where it takes connections.
  public var address: TestAddress { server.withLock { $0?.address } ?? TestAddress(ip: "0.0.0.0", port: 0) }
  private let torrent: TestTorrent
  private let served: Mutex<[Int]>
  private let pace: Mutex<Pace>
  private let isOpen = Atomic<Bool>(true)
  private let server = Mutex<SocketServer?>(nil)

  private struct Pace {
    var bytesPerSecond: Int
    var free = ContinuousClock.now
  }

  /// Listens on `stage`. It serves at most `bytesPerSecond` to all together; with `closed`, it answers
  /// nobody until ``open()``.
  public init(_ torrent: TestTorrent, on stage: Stage, bytesPerSecond: Int = 1 << 30, closed: Bool = false)
    throws
  {
    self.torrent = torrent
    served = Mutex([Int](repeating: 0, count: torrent.pieceCount))
    pace = Mutex(Pace(bytesPerSecond: bytesPerSecond))
    isOpen.store(!closed, ordering: .relaxed)
    let started = try stage.server { [weak self] connection in
      guard let self else { return }
      while !isOpen.load(ordering: .relaxed) { usleep(2000) }
      // However the other side goes away, the connection is over.
      try? serve(RawPeer(accepting: connection))
    }
    server.withLock { $0 = started }
  }

  /// Lets a closed seeder serve.
  public func open() { isOpen.store(true, ordering: .relaxed) }

  /// Bytes that it has sent of each piece.
  public var servedByPiece: [Int] { served.withLock { $0 } }

  /// Bytes that it has sent of all pieces.
  public var servedBytes: Int { served.withLock { $0.reduce(0, +) } }

  private func serve(_ peer: RawPeer) throws {
    peer.connection.setLimit(.seconds(60))
    try peer.send(WireMessage.fullBitfield(torrent.pieceCount) + WireMessage.unchoke)
    while true {
      let message = try peer.receive()
      guard message.id == 6, message.payload.count == 12 else { continue }
      let (piece, begin, length) = (message.number(0), message.number(4), message.number(8))
      guard piece < torrent.pieceCount, length <= 131_072, begin + length <= torrent.pieceSize(piece) else {
        throw TestFailure("request past the end: \(piece) \(begin) \(length)")
      }
      wait(toSend: length)
      try peer.send(WireMessage.piece(piece, begin, torrent.block(piece, begin, length)))
      served.withLock { $0[piece] += length }
    }
  }

  private func wait(toSend count: Int) {
    let until = pace.withLock { pace in
      let now = ContinuousClock.now
      pace.free = max(pace.free, now - .milliseconds(50)) + .seconds(1) * count / pace.bytesPerSecond
      return pace.free
    }
    let left = (until - ContinuousClock.now).components
    if left.seconds >= 0, left.attoseconds > 0 {
      usleep(UInt32(left.seconds * 1_000_000 + left.attoseconds / 1_000_000_000_000))
    }
  }
}
