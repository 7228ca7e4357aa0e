import Bytes
import EventLoop
import Metainfo
import PeerProtocol
import PieceStorage

// Pieces that were ours and are not any more: somebody cut a file short behind our back.
extension Torrent {
  /// Blocks of `pieces` that are ours could not be read. A file that has become too short costs its pieces;
  /// anything else is a fault of the disk, which stops the torrent.
  func readFailed(_ error: StorageError, _ pieces: Set<Int>, on loop: isolated Loop) {
    guard case .short = error else {
      halt("\(error)", on: loop)
      return
    }
    for piece in pieces where durable[piece] { lose(piece, on: loop) }
    for announcer in announcers { announcer.reports.hasLost = true }
    guard state == .seeding, !selection.isComplete else { return }
    state = .downloading
    forEachPeer { peer in
      peer.sendUploadOnly(false, on: loop)
      updateInterest(peer, on: loop)
    }
    connectMore(on: loop)
  }

  /// Takes a piece back: from the journal, from what is wanted, and from the peers who know of it (BEP 54).
  private func lose(_ piece: Int, on loop: isolated Loop) {
    durable[piece] = false
    picker.forget(piece)
    selection.lost(piece, info: info)
    counters.lostPieces += 1
    let journal = journal
    // If this cannot be written either, the next start finds the file changed and checks it.
    context.disk.submit(
      DiskWork(on: loop) { _ in
        try? journal.forget([piece])
      } then: { _, _ in
      })
    forEachPeer { peer in
      if picker.missing[piece] { peer.interest.missed(piece, has: peer.has) }
      guard let id = peer.extensions?.id(of: ExtensionKind.donthave.name) else { return }
      peer.send(on: loop) { $0.append(donthave: piece, id: id) }
    }
  }
}
