import Bytes
import Digest
import EventLoop
import Metainfo
import PeerProtocol
import PieceStorage

// Hashes that peers ask of us (BEP 52). What is at hand is answered at once; pieces are read and trees are
// hashed on a disk thread, and kept for the next one who asks.
extension Torrent {
  /// Requests of one peer that disk threads may work on, and those of them that read a piece.
  private static let jobLimit = 64
  private static let readLimit = 8

  /// Somebody asks for hashes.
  func hashesRequested(_ request: HashRequest, by peer: PeerConnection, on loop: isolated Loop) {
    guard info.version.hasV2, let index = info.fileIndex(ofRoot: request.piecesRoot),
      let geometry = geometry(of: info.files[index])
    else {
      answer(request, with: nil, to: peer, on: loop)
      return
    }
    var draft = context.hashServer.draft(
      request, file: geometry, pieceLayer: layers[request.piecesRoot])
    var piece: Int?
    if case .leaves(let number) = draft.need { piece = info.files[index].pieces.lowerBound + number }
    let isOurs = piece.map { durable[$0] } ?? true
    if !isOurs || draft.need == .nothing {
      answer(request, with: nil, to: peer, on: loop)
    } else if draft.isReady {
      if piece != nil { counters.leaves.served += 1 }
      answer(request, with: draft.finish(), to: peer, on: loop)
    } else {
      make(draft, reading: draft.needsLeaves ? piece : nil, for: peer, on: loop)
    }
  }

  /// Has an answer made on a disk thread. A peer that asks for many at a time is refused some.
  private func make(
    _ draft: HashDraft, reading piece: Int?, for peer: PeerConnection, on loop: isolated Loop
  ) {
    guard peer.hashJobs < Self.jobLimit, piece == nil || peer.leafReads < Self.readLimit else {
      answer(draft.request, with: nil, to: peer, on: loop)
      return
    }
    peer.hashJobs += 1
    if piece != nil { peer.leafReads += 1 }
    let storage = journal.storage
    let receiver = Confined(peer, on: loop)
    let work = DiskWork(on: loop) { thread in
      var draft = draft
      if let piece, let leaves = try? storage.leafHashes(ofPiece: piece, on: thread) {
        draft.add(leaves: leaves)
      }
      let hashes = draft.finish()
      return (draft: draft, hashes: hashes)
    } then: { loop, made in
      let peer = receiver.value(on: loop)
      peer.torrent.made(made.draft, made.hashes, didRead: piece != nil, for: peer, on: loop)
    }
    context.disk.submit(work)
  }

  private func made(
    _ draft: HashDraft, _ hashes: [SHA256Digest]?, didRead: Bool, for peer: PeerConnection,
    on loop: isolated Loop
  ) {
    context.hashServer.keep(draft)
    peer.hashJobs -= 1
    if didRead {
      peer.leafReads -= 1
      counters.leaves.readings += 1
    }
    guard peer.phase == .open else { return }
    if case .leaves = draft.need, hashes != nil { counters.leaves.served += 1 }
    answer(draft.request, with: hashes, to: peer, on: loop)
  }

  private func answer(
    _ request: HashRequest, with hashes: [SHA256Digest]?, to peer: PeerConnection, on loop: isolated Loop
  ) {
    peer.send(on: loop) { buffer in
      if let hashes {
        buffer.append(hashes: hashes, answering: request)
      } else {
        buffer.append(hashReject: request)
      }
    }
  }

  /// The leaf hashes of a piece that was just verified: it is the one that others will ask about.
  func keepLeaves(_ write: PieceWrite) {
    guard write.leaves.count > 1 else { return }
    let file = info.files[info.fileIndex(ofPiece: write.piece)]
    guard let root = file.piecesRoot else { return }
    context.hashServer.keep(leaves: write.leaves, root: root, piece: write.piece - file.pieces.lowerBound)
  }
}
