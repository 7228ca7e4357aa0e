import BitTorrent
import Digest
import EventLoop
import Metainfo

/// Seeds more torrents than a person watches one by one. Asks the session only for what has changed, so
/// that thousands of torrents that do nothing cost nothing here either.
struct SeedMany {
  /// Beyond this many, torrents are watched as a crowd.
  static let threshold = 16

  private let session: Session
  private let scene: Scene
  private let retry: Double?
  private let quiet: Bool
  private let display: ProgressDisplay
  private var news: SessionNews
  private var total = 0
  /// Those that are not complete: being checked, downloading, stopped.
  private var incomplete: [InfoHash: TorrentStatus] = [:]
  /// Why torrents stopped, once told, and when to try again.
  private var faults: [InfoHash: (reason: String, retryAt: Instant?)] = [:]
  private var told: Set<String> = []

  init(_ session: Session, retry: Double?, quiet: Bool, _ scene: Scene) {
    self.session = session
    self.retry = retry
    self.quiet = quiet
    self.scene = scene
    news = SessionNews(session, scene.console, json: false, quiet: quiet)
    display = ProgressDisplay(scene.console, isOn: !quiet)
  }

  /// Adds all torrents; one that cannot be added is a mistake to be told, and nothing is seeded.
  mutating func add(_ batch: TorrentBatch) async throws(Failure) {
    let problem: String?
    do throws(SessionError) {
      problem = try await session.add(batch).first?.description
    } catch {
      problem = error.message
    }
    if let problem {
      await session.stop(within: 2)
      throw Failure(problem)
    }
    total = batch.count
  }

  /// Seeds until interrupted, or until every torrent was stopped by a fault.
  mutating func run() async -> ExitStatus {
    while true {
      let moving = await observe()
      news.tell(session)
      display.update { rows(moving) }
      if isOver { break }
      let isWatched = scene.console.isTerminal && !quiet
      if await scene.interruption.sleep(incomplete.isEmpty && !isWatched ? 5 : 1) { break }
    }
    let wasInterrupted = !isOver
    display.finish([summary(rate: 0)])
    await session.stop(within: 2)
    return wasInterrupted ? scene.interruptedStatus : .failure
  }

  /// Nothing is left to wait for.
  private var isOver: Bool { retry == nil && faults.count == total }

  /// Takes in what has changed.
  ///
  /// - Returns: complete torrents that somebody is connected to.
  private mutating func observe() async -> [TorrentStatus] {
    let now = Instant.now
    var moving: [TorrentStatus] = []
    for status in await session.changes() {
      if let message = status.trackerMessage, told.count < 1000, told.insert(message).inserted, !quiet {
        scene.console.note("\(status.name): \(message)")
      }
      incomplete[status.infoHash] = status.state == .seeding ? nil : status
      if case .stopped(let reason) = status.state {
        fault(status, reason, now)
      } else {
        faults[status.infoHash] = nil
      }
      if status.state == .seeding, status.peers > 0 { moving.append(status) }
    }
    for (hash, fault) in faults {
      guard let retry, let due = fault.retryAt, now >= due else { continue }
      faults[hash]?.retryAt = now + retry
      await session.torrent(hash)?.retry()
    }
    return moving
  }

  private mutating func fault(_ status: TorrentStatus, _ reason: String, _ now: Instant) {
    guard faults[status.infoHash]?.reason != reason else { return }
    faults[status.infoHash] = (reason, retry.map { now + $0 })
    let next = retry.map { "; trying again every \(Figures.time($0))" } ?? ""
    scene.console.error("'\(status.name)' stopped: \(reason)\(next)")
  }

  /// The torrents that something happens with, and the sum of all.
  private func rows(_ moving: [TorrentStatus]) -> [ProgressRow] {
    let sum = summary(rate: moving.reduce(0) { $0 + $1.upRate })
    guard scene.console.isTerminal else { return [sum] }
    let room = max(0, scene.console.rows - 3)
    let shown = incomplete.values.sorted { $0.name < $1.name }.prefix(room)
    let rest = moving.sorted { $0.upRate > $1.upRate }.prefix(room - shown.count)
    return (shown + rest).map { SwarmRow.row($0, style: scene.console.style) } + [sum]
  }

  private func summary(rate: Double) -> ProgressRow {
    let complete = total - incomplete.count
    var figures = ["\(Figures.grouped(complete)) complete"]
    if rate > 0 { figures.append((scene.console.style.isUnicode ? "↑" : "up ") + Figures.rate(rate)) }
    return ProgressRow(
      label: Figures.count(total, "torrent"), fraction: Double(complete) / Double(max(1, total)),
      figures: figures)
  }
}
