import BitTorrent
import EventLoop
import JSON
import Metainfo

/// Runs torrents of one session until all have reached their goal or somebody interrupts: the part that
/// `download` and `seed` share. Tells the terminal, or whoever reads the events, what happens.
struct SwarmRun {
  /// When a torrent is done.
  enum Goal {
    /// Complete, and then seeded until either holds; neither: at once.
    case complete(ratio: Double?, seconds: Double?)
    /// Never.
    case none
  }

  /// How the run tells about itself.
  struct Settings {
    var goal: Goal
    var json: Bool
    var quiet: Bool
    /// Seconds between events of progress.
    var eventInterval = 1.0
    /// Seconds after which a torrent that a fault has stopped is tried again.
    var retry: Double?
  }

  private struct Entry {
    let handle: TorrentHandle
    let directory: String
    /// Whether the torrent is known; not at first if it was added by a magnet link.
    var isKnown: Bool
    let started: Instant
    var completed: Instant?
    /// The reason why it stopped, once told, and when to try again.
    var fault: String?
    var retryAt: Instant?
    var trackerMessage: String?
    var webSeedMessage: String?
    var told: JSONValue?
    var toldState: String?
    var isDone = false
  }

  private let scene: Scene
  private let settings: Settings
  private let session: Session
  private let display: ProgressDisplay
  private var entries: [Entry] = []
  private var lastEvents: Instant?
  /// What publishers may put in the place of their torrents.
  private var followed: [(updates: Publication.Updates, options: AddOptions)] = []
  private var news: SessionNews

  init(_ session: Session, _ settings: Settings, _ scene: Scene) {
    self.session = session
    self.settings = settings
    self.scene = scene
    news = SessionNews(session, scene.console, json: settings.json, quiet: settings.quiet)
    display = ProgressDisplay(scene.console, isOn: !settings.quiet && !settings.json)
    if settings.json { scene.console.event(SwarmEvent.listening(session.listening)) }
  }

  /// Adds a torrent. The path of its content is printed when it is complete.
  mutating func add(_ source: LoadedSource, _ options: AddOptions) async throws(Failure) {
    do throws(SessionError) {
      let handle: TorrentHandle
      switch source {
      case .torrent(let metainfo):
        if settings.json {
          scene.console.event(SwarmEvent.added(metainfo.info, directory: options.directory))
        }
        handle = try await session.add(metainfo, options)
      case .magnet(let magnet):
        if settings.json { scene.console.event(SwarmEvent.fetching(magnet)) }
        handle = try await session.add(magnet, options)
      }
      let entry = Entry(
        handle: handle, directory: options.directory, isKnown: !source.isMagnet, started: .now)
      entries.append(entry)
    } catch {
      throw Failure("'\(source.name)' cannot be added: \(error.message)")
    }
  }

  /// Goes on until interrupted, and adds what comes.
  mutating func follow(_ updates: Publication.Updates, _ options: AddOptions) {
    followed.append((updates, options))
  }

  private mutating func addUpdates() async {
    for (updates, options) in followed {
      for magnet in updates.take() {
        do throws(Failure) {
          try await add(.magnet(magnet), options)
        } catch {
          scene.console.error(error.message)
        }
      }
    }
  }

  /// Runs to the end, and stops the session.
  mutating func run() async -> ExitStatus {
    var statuses: [TorrentStatus] = []
    while true {
      await addUpdates()
      statuses = await sample()
      for index in entries.indices { await observe(index, statuses[index]) }
      tell(statuses)
      if isOver { break }
      if await scene.interruption.sleep(pause) { break }
    }
    let interrupted = !isOver
    if interrupted { statuses = await sample() }
    display.finish(rows(statuses))
    for (updates, _) in followed { updates.stop() }
    await session.stop(within: 2)
    if settings.json {
      for status in statuses { scene.console.event(SwarmEvent.closed(status)) }
    }
    if interrupted { return scene.interruptedStatus }
    return entries.allSatisfy(\.isDone) ? .success : .failure
  }

  private func sample() async -> [TorrentStatus] {
    var statuses: [TorrentStatus] = []
    statuses.reserveCapacity(entries.count)
    for entry in entries { statuses.append(await entry.handle.status()) }
    return statuses
  }

  /// Nothing is left to wait for: each is done, or stopped for good.
  private var isOver: Bool {
    followed.isEmpty && entries.allSatisfy { $0.isDone || $0.fault != nil && settings.retry == nil }
  }

  /// Completion is to be noticed at once where something completes; idling with thousands of torrents
  /// must cost nothing.
  private var pause: Double {
    let isWaiting = entries.contains { $0.completed == nil && $0.fault == nil }
    if entries.count > 16 { return settings.json || scene.console.isTerminal || isWaiting ? 1 : 5 }
    if isWaiting { return 0.02 }
    if settings.json { return min(1, settings.eventInterval) }
    if case .complete = settings.goal { return 0.25 }
    return scene.console.isTerminal ? 0.25 : 5
  }

  private mutating func observe(_ index: Int, _ status: TorrentStatus) async {
    let now = Instant.now
    if let message = status.trackerMessage, message != entries[index].trackerMessage {
      if settings.json { scene.console.event(SwarmEvent.tracker(status, message: message)) }
      if !settings.quiet, !settings.json { scene.console.note("\(status.name): \(message)") }
    }
    entries[index].trackerMessage = status.trackerMessage
    if let message = status.webSeedMessage, message != entries[index].webSeedMessage {
      if settings.json { scene.console.event(SwarmEvent.webSeed(status, message: message)) }
      if !settings.quiet, !settings.json { scene.console.note("\(status.name): web seed \(message)") }
    }
    entries[index].webSeedMessage = status.webSeedMessage
    if !entries[index].isKnown { await learn(index) }
    switch status.state {
    case .stopped(let reason): await fault(index, status, reason, now)
    case .seeding:
      entries[index].fault = nil
      if entries[index].completed == nil { complete(index, status, now) }
      entries[index].isDone = isDone(entries[index], status, now)
    case .fetchingMetadata, .checking, .downloading: entries[index].fault = nil
    }
  }

  /// Tells once that the torrent of a magnet link is known.
  private mutating func learn(_ index: Int) async {
    guard let metainfo = await entries[index].handle.metainfo() else { return }
    entries[index].isKnown = true
    guard settings.json else { return }
    scene.console.event(SwarmEvent.added(metainfo.info, directory: entries[index].directory))
  }

  private mutating func fault(_ index: Int, _ status: TorrentStatus, _ reason: String, _ now: Instant) async {
    if entries[index].fault != reason {
      entries[index].fault = reason
      if settings.json { scene.console.event(SwarmEvent.stopped(status, reason: reason)) }
      let next = settings.retry.map { "; trying again every \(Figures.time($0))" } ?? ""
      scene.console.error("'\(status.name)' stopped: \(reason)\(next)")
    }
    guard let retry = settings.retry else { return }
    guard let due = entries[index].retryAt else {
      entries[index].retryAt = now + retry
      return
    }
    guard now >= due else { return }
    entries[index].retryAt = now + retry
    await entries[index].handle.retry()
  }

  private mutating func complete(_ index: Int, _ status: TorrentStatus, _ now: Instant) {
    entries[index].completed = now
    guard case .complete = settings.goal else { return }
    if settings.json {
      let seconds = now.seconds(since: entries[index].started)
      scene.console.event(SwarmEvent.completed(status, seconds: seconds))
    } else {
      let directory = entries[index].directory
      scene.console.line(directory == "." ? status.name : "\(directory)/\(status.name)")
    }
  }

  private func isDone(_ entry: Entry, _ status: TorrentStatus, _ now: Instant) -> Bool {
    guard case .complete(let ratio, let seconds) = settings.goal, let completed = entry.completed else {
      return false
    }
    if ratio == nil, seconds == nil { return true }
    if let ratio, Double(status.uploaded) >= ratio * Double(status.wantedBytes) { return true }
    if let seconds, now.seconds(since: completed) >= seconds { return true }
    return false
  }

  private mutating func tell(_ statuses: [TorrentStatus]) {
    news.tell(session)
    guard settings.json else { return display.update { rows(statuses) } }
    let now = Instant.now
    let isDue = lastEvents.map { now.seconds(since: $0) >= settings.eventInterval } ?? true
    if isDue { lastEvents = now }
    for (index, status) in statuses.enumerated() {
      let state = SwarmEvent.state(status)
      guard isDue || state != entries[index].toldState else { continue }
      let event = SwarmEvent.progress(status)
      guard event != entries[index].told else { continue }
      entries[index].told = event
      entries[index].toldState = state
      scene.console.event(event)
    }
  }

  private func rows(_ statuses: [TorrentStatus]) -> [ProgressRow] {
    zip(entries, statuses).map { entry, status in
      if entry.isDone, let completed = entry.completed {
        return SwarmRow.complete(status, seconds: completed.seconds(since: entry.started))
      }
      return SwarmRow.row(status, style: scene.console.style)
    }
  }
}
