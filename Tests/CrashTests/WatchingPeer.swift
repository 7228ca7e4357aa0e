import Foundation
import Synchronization
import TestSupport

/// A peer that downloads from a program that is killed again and again, and believes nothing.
///
/// Every block that it gets is compared, and every piece that was once announced must be announced
/// after each restart: a piece counts only once it is durable.
final class WatchingPeer: Sendable {
  /// What has been seen so far.
  struct Findings: Sendable {
    /// Connections that got as far as a handshake.
    var connections = 0
    /// Blocks that were compared.
    var blocks = 0
    /// Everything that was wrong, in words.
    var faults: [String] = []
    /// Pieces that have been announced.
    var claimed: Set<Int> = []
  }

  private let findings = Mutex(Findings())
  private let isStopped = Atomic<Bool>(false)
  private let hasEnded = Atomic<Bool>(false)

  /// Starts to watch who listens at `address`.
  init(_ torrent: TestTorrent, at address: TestAddress) {
    let source = TestNetwork.address()
    let thread = Thread { [self] in
      while !isStopped.load(ordering: .relaxed) {
        // Between a kill and the next start nobody listens.
        if let peer = try? RawPeer(to: address, from: source, infoHash: torrent.infoHash) {
          findings.withLock { $0.connections += 1 }
          // Each kill ends a connection in the middle of something.
          try? watch(peer, torrent)
        }
        usleep(3000)
      }
      hasEnded.store(true, ordering: .relaxed)
    }
    thread.start()
  }

  /// What has been seen so far.
  var seen: Findings { findings.withLock { $0 } }

  /// Stops watching; nothing is added afterwards.
  func stop() async throws {
    isStopped.store(true, ordering: .relaxed)
    try await eventually("the watching peer ends") { hasEnded.load(ordering: .relaxed) }
  }

  private func watch(_ peer: RawPeer, _ torrent: TestTorrent) throws {
    defer { peer.connection.close() }
    peer.connection.setLimit(.seconds(2))
    var claimed: [Int] = []
    var isFirst = true
    var isUnchoked = false
    var asked: (piece: Int, begin: Int)?
    try peer.send(WireMessage.interested)
    while !isStopped.load(ordering: .relaxed) {
      let message = try peer.receive()
      if message.id == 5 {
        claimed = (0..<torrent.pieceCount).filter { message.payload[$0 / 8] & (0x80 >> UInt8($0 % 8)) != 0 }
      }
      if isFirst { expectAll(claimed) }
      isFirst = false
      switch message.id {
      case 0: (isUnchoked, asked) = (false, nil)
      case 1: isUnchoked = true
      case 4:
        claimed.append(message.number(0))
        findings.withLock { _ = $0.claimed.insert(message.number(0)) }
      case 7:
        let (piece, begin) = (message.number(0), message.number(4))
        let isRight = isSame(message.payload[8...], torrent.block(piece, begin, 16384))
        findings.withLock { findings in
          findings.blocks += 1
          if !isRight { findings.faults.append("piece \(piece) at \(begin) was served wrong") }
        }
        asked = nil
      default: break
      }
      if isUnchoked, asked == nil, let piece = claimed.randomElement() {
        let begin = Int.random(in: 0..<(torrent.pieceSize(piece) / 16384)) * 16384
        asked = (piece, begin)
        try peer.send(WireMessage.request(piece, begin, 16384))
      }
    }
  }

  private func expectAll(_ claimed: [Int]) {
    findings.withLock { findings in
      let lost = findings.claimed.subtracting(claimed).sorted()
      if !lost.isEmpty { findings.faults.append("pieces that had been announced are gone: \(lost)") }
      findings.claimed.formUnion(claimed)
    }
  }
}
