import Bytes
import EventLoop
import Metainfo
import PieceStorage

// Bytes for whoever reads files while they are downloaded: what is waited for gets a deadline of now, what
// comes after it in the file later ones.
extension Torrent {
  /// Bytes that are fetched ahead of a reader: some seconds at the present rate.
  private var readAhead: Int { max(4 << 20, min(32 << 20, Int(down.rate(now: lastSecond) * 4))) }

  /// A call that waits for bytes.
  func read(_ read: FileRead, on loop: isolated Loop) {
    if let error = fault(of: read) {
      read.end(.failure(error))
      return
    }
    guard !read.range.isEmpty else {
      read.end(.success([]))
      return
    }
    if let pieces = pieces(of: read) { reads.visit(read.file, pieces, now: loop.now) }
    reads.waiting.append(read)
    serveReads(on: loop)
    updateDeadlines(on: loop)
    guard !read.isOver, reads.waiting.contains(where: { $0 === read }) else { return }
    makeWay(on: loop)
    askForUrgent(on: loop)
  }

  private func fault(of read: FileRead) -> ReadError? {
    guard info.files.indices.contains(read.file), !info.files[read.file].isPadding,
      !info.files[read.file].isSymbolicLink
    else { return .noSuchFile(read.file) }
    let length = info.files[read.file].length
    guard read.range.lowerBound >= 0, read.range.upperBound <= length else {
      return .outOfRange(length: length)
    }
    guard read.range.count <= TorrentHandle.maximumRead else { return .tooLong }
    if isStopping { return .stopped(reason: "it was removed") }
    if case .stopped(let reason) = state { return .stopped(reason: reason) }
    return nil
  }

  private func pieces(of read: FileRead) -> ClosedRange<Int>? {
    let start = info.files[read.file].offset
    let length = Int64(info.pieceLength)
    guard let last = read.range.last else { return nil }
    return Int((start + read.range.lowerBound) / length)...Int((start + last) / length)
  }

  /// Pieces have come: reads those bytes that are all there. Verified and written is enough: nobody else is
  /// told of the piece.
  func serveReads(on loop: isolated Loop) {
    guard !reads.waiting.isEmpty, isLoaded else { return }
    var kept = 0
    for read in reads.waiting where !read.isOver {
      guard reads.running < ReadQueue.width, let pieces = pieces(of: read),
        pieces.allSatisfy({ picker.have[$0] })
      else {
        reads.waiting[kept] = read
        kept += 1
        continue
      }
      fetch(read, on: loop)
    }
    reads.waiting.removeLast(reads.waiting.count - kept)
  }

  private func fetch(_ read: FileRead, on loop: isolated Loop) {
    reads.running += 1
    let (me, storage) = (Confined(self, on: loop), journal.storage)
    let work = DiskWork(on: loop) { _ in
      Result { () throws(StorageError) in
        read.isOver ? [] : try storage.read(file: read.file, range: read.range)
      }
    } then: { (loop, result: Result<[UInt8], StorageError>) in
      me.value(on: loop).fetched(read, result, on: loop)
    }
    context.disk.submit(work, isUrgent: true)
  }

  private func fetched(_ read: FileRead, _ result: Result<[UInt8], StorageError>, on loop: isolated Loop) {
    reads.running -= 1
    read.end(result.mapError { .storage("\($0)") })
    if case .failure(let error) = result, let pieces = pieces(of: read), !isStopping {
      readFailed(error, Set(pieces), on: loop)
    }
    serveReads(on: loop)
  }

  /// Ends all calls that wait.
  func endReads(_ error: ReadError) {
    for read in reads.waiting { read.end(.failure(error)) }
    reads.waiting = []
  }

  /// What is wanted, or what there is, has changed: who waits for what will never come is told.
  func readsChanged(on loop: isolated Loop) {
    for read in reads.waiting {
      let isHopeless = pieces(of: read)?.contains { !picker.have[$0] && !selection.wants($0) } ?? false
      if isHopeless { read.end(.failure(.unwanted)) }
    }
    serveReads(on: loop)
    updateDeadlines(on: loop)
    if !picker.urgent.isEmpty { askForUrgent(on: loop) }
  }

  // MARK: Deadlines

  /// Sets when pieces should be here; `nil` takes that back. Pieces that are here or not wanted are passed over.
  func set(deadline: Double?, of pieces: Range<Int>, on loop: isolated Loop) {
    for piece in pieces.clamped(to: 0..<info.pieceCount) {
      reads.deadlines[Int32(piece)] = deadline.map { loop.now + max(0, min($0, 1e6)) }
    }
    updateDeadlines(on: loop)
    guard let deadline else { return }
    if deadline < ReadQueue.lead { makeWay(on: loop) }
    askForUrgent(on: loop)
  }

  /// Tells the picker of all deadlines. Called when somebody reads, and once a second while there are readers.
  func updateDeadlines(on loop: isolated Loop) {
    guard !reads.isEmpty || !picker.urgent.isEmpty else { return }
    reads.expire(now: loop.now)
    guard state == .downloading else {
      if state == .seeding { reads.deadlines = [:] }
      return
    }
    var deadlines: [Deadline] = []
    reads.deadlines = reads.deadlines.filter { picker.missing[Int($0.key)] || !selection.wants(Int($0.key)) }
    for (piece, time) in reads.deadlines { deadlines.append(Deadline(time: time, piece: piece)) }
    for read in reads.waiting {
      guard let pieces = pieces(of: read) else { continue }
      for (place, piece) in pieces.enumerated() {
        deadlines.append(Deadline(time: read.since + Double(place) * 0.01, piece: Int32(piece)))
      }
    }
    let ahead = max(2, readAhead / info.pieceLength)
    for position in reads.positions {
      let next = position.piece + 1
      let end = min(next + ahead, info.files[position.file].pieces.upperBound)
      guard next < end else { continue }
      for (place, piece) in (next..<end).enumerated() {
        let time = loop.now + ReadQueue.lead + Double(place) * ReadQueue.step
        deadlines.append(Deadline(time: time, piece: Int32(piece)))
      }
    }
    picker.setDeadlines(deadlines)
  }
}

extension Torrent {
  /// Something has become urgent: asks everybody at once, the fastest first, a little more than usual.
  func askForUrgent(on loop: isolated Loop) {
    guard state == .downloading, !picker.urgent.isEmpty else { return }
    var able: [PeerConnection] = []
    forEachPeer { peer in
      if peer.isInterested, !peer.peerIsChoking, !peer.isSnubbed { able.append(peer) }
    }
    able.sort { $0.window.rate > $1.window.rate }
    for peer in able { fillRequests(peer, isUrgent: true, on: loop) }
  }

  /// Somebody waits: takes back most of what peers were asked for and nobody waits for, so that what is asked for
  /// next comes within a fraction of a second, not after all that.
  private func makeWay(on loop: isolated Loop) {
    guard state == .downloading, !picker.urgent.isEmpty else { return }
    cancels.removeAll(keepingCapacity: true)
    forEachPeer { peer in
      guard picker.urgent.contains(where: { peer.has[Int($0.piece)] }) else { return }
      let count = max(4, Int(peer.window.rate * Self.way) / Block.size)
      picker.withdraw(from: peer.slot, leaving: count, cancels: &cancels)
    }
    guard !cancels.isEmpty else { return }
    sendCancels(on: loop)
    closeIdlePieces()
  }

  /// Seconds of work that a peer keeps when something urgent comes.
  private static let way = 0.1

  /// There is no memory for a piece with a deadline: gives up one that can wait. Whether there was one.
  func makeRoomForUrgent(on loop: isolated Loop) -> Bool {
    let yielding = picker.pieceToYield
    picker.lacksRoom = false
    guard let piece = yielding else { return false }
    cancels.removeAll(keepingCapacity: true)
    picker.discard(piece, cancels: &cancels)
    let received = piece < openPieces.count ? openPieces[piece]?.senders.count { $0 != nil } ?? 0 : 0
    counters.wasted += Int64(received * Block.size)
    close(piece)
    sendCancels(on: loop)
    return true
  }
}
