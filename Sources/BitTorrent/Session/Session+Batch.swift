import Bytes
import EventLoop
import Metainfo
import PieceStorage
import Synchronization

// Adding very many torrents: read and compared with their resume data on the disk threads, in parallel.
extension Session {
  /// Torrents that a disk thread looks at in one go.
  private static let chunk = 64

  /// Adds the torrents of a batch. Those that their resume data vouches for are seeded from then on, the
  /// others are started a few at a time. Returns when all have their place.
  ///
  /// About 30 µs of a disk thread each.
  /// - Returns: those that could not be added, in their order.
  /// - Throws: `SessionError.Code.stopped`.
  public func add(_ batch: TorrentBatch) async throws(SessionError) -> [BatchFault] {
    guard !isStopped else { throw SessionError(.stopped, "the session has been stopped") }
    let source = SeatSource(batch.options, read: batch.read)
    let next = Mutex(0)
    let take: @Sendable () -> Range<Int>? = {
      next.withLock { next in
        let first = next
        next += Self.chunk
        return first < batch.count ? first..<min(first + Self.chunk, batch.count) : nil
      }
    }
    let faults = await withTaskGroup(of: [BatchFault].self) { group in
      for _ in 0..<max(1, configuration.diskThreads) {
        group.addTask {
          var faults: [BatchFault] = []
          while let numbers = take(), !self.isStopped {
            let context = self.loops[numbers.lowerBound / Self.chunk % self.loops.count]
            faults += await self.add(numbers, of: source, to: context)
          }
          return faults
        }
      }
      return await group.reduce(into: []) { $0 += $1 }
    }
    return faults.sorted { $0.number < $1.number }
  }

  private func add(
    _ numbers: Range<Int>, of source: SeatSource, to context: Confined<LoopContext>
  ) async -> [BatchFault] {
    await withCheckedContinuation { (done: CheckedContinuation<[BatchFault], Never>) in
      let registry = registry
      let work = DiskWork(on: context.loop) { _ in
        let openFiles = OpenFiles(limit: 4)
        return numbers.map { Survey($0, of: source, openFiles: openFiles) }
      } then: { loop, surveys in
        var faults: [BatchFault] = []
        for survey in surveys {
          if let fault = context.value(on: loop).seat(survey, source, registry, on: loop) {
            faults.append(fault)
          }
        }
        done.resume(returning: faults)
      }
      disk.submit(work)
    }
  }
}

/// What a look at a torrent file and the torrent's resume data says.
private struct Survey: Sendable {
  enum Finding: Sendable {
    case fault(String)
    case torrent(TorrentOutline, trackers: [[String]], isComplete: Bool)
  }

  let number: Int
  let finding: Finding

  init(_ number: Int, of source: SeatSource, openFiles: OpenFiles) {
    self.number = number
    do {
      guard let metainfo = try source.read?(number) else {
        finding = .fault("it cannot be read")
        return
      }
      var outline = TorrentOutline(metainfo.info)
      let isComplete = Self.isComplete(metainfo.info, source.options, openFiles)
      if isComplete { outline.isComplete() }
      finding = .torrent(outline, trackers: metainfo.trackers, isComplete: isComplete)
    } catch {
      finding = .fault("\(error)")
    }
  }

  /// Whether everything is here, without reading any of it. What else there may be is found out by
  /// starting the torrent.
  private static func isComplete(_ info: Info, _ options: AddOptions, _ openFiles: OpenFiles) -> Bool {
    guard options.peers.isEmpty, options.wanted == nil, options.faults == nil else { return false }
    let storage = TorrentStorage(info: info, directory: options.directory, openFiles: openFiles)
    guard (try? storage.prepare()) != nil else { return false }
    let resumption = ResumeJournal(storage).load()
    return resumption.isSettled && resumption.have.isFull
  }
}

extension LoopContext {
  /// Gives a torrent of a batch its seat.
  fileprivate func seat(
    _ survey: Survey, _ source: SeatSource, _ registry: TorrentRegistry, on loop: isolated Loop
  ) -> BatchFault? {
    guard case .torrent(let outline, let trackers, let isComplete) = survey.finding else {
      guard case .fault(let reason) = survey.finding else { return nil }
      return BatchFault(number: survey.number, description: reason)
    }
    let seat = TorrentSeat(
      outline, source: source, number: survey.number, phase: isComplete ? .resting : .queued, context: self)
    guard registry.insert(Confined(seat, on: loop), under: outline.infoHashes) else {
      return BatchFault(number: survey.number, description: "\(outline.name) is in this session already")
    }
    seat.wasComplete = isComplete
    if isComplete {
      seat.joinDHT(on: loop)
      if !outline.isPrivate { announceLocally(outline.infoHashes) }
    }
    if !isComplete {
      note(seat)
      queue(seat, on: loop)
    } else if !trackers.isEmpty {
      seat.makePast().announcers = outline.infoHashes.map { hash in
        Announcer(
          seat, infoHash: hash, isV2Only: hash != outline.infoHash, trackers: trackers, isComplete: true,
          context: self)
      }
      for announcer in seat.makePast().announcers { announcer.start(on: loop) }
      seat.setAlarm(on: loop)
    }
    return nil
  }
}
