import Addresses
import Digest
import EventLoop
import JSON
import Logging
internal import Synchronization
import TrackerProtocol

/// What the front ends share: decides who may announce, enters it into the table, counts. Transport, form of the
/// reply and clock are theirs.
final class TrackerCore: Sendable {
  let configuration: TrackerConfiguration
  let table: SwarmTable
  let access = AccessRules()
  let counters = TrackerCounters()
  /// What clients that speak more than the BEPs get.
  let extensions: TrackerExtensions
  /// What pages and metrics tell besides the counters.
  let status = TrackerStatus()
  /// Seconds of a clock that never goes back.
  let clock: @Sendable () -> UInt32
  let startedAt: UInt32
  /// Another process is about to take over: what is entered now would be lost.
  let isPaused = Atomic<Bool>(false)
  /// What has the settings read again; tells what came of it.
  let reloading = Mutex<(@Sendable () throws(TrackerError) -> JSONValue)?>(nil)
  private let nextShard = Atomic<Int>(0)

  init(_ configuration: TrackerConfiguration, seed: UInt64, clock: @escaping @Sendable () -> UInt32) {
    self.configuration = configuration
    self.clock = clock
    startedAt = clock()
    table = SwarmTable(limits: configuration.limits, seed: seed)
    extensions = TrackerExtensions(configuration)
  }

  /// Enters an announce and chooses peers for it; `nil` if it was taken. O(1) and a copy of what is returned;
  /// no allocation once `reply` has grown to its size. `random` is a fresh random word.
  func announce(
    _ announcement: borrowing Announcement, now: UInt32, random: UInt64, into reply: inout SwarmReply
  ) -> TrackerRefusal? {
    counters.note(announcement)
    if let refusal = access.refusal(of: announcement, now: now) { return counters.note(refusal) }
    guard random & (TrackerCounters.sampling - 1) == 0 else {
      return enter(announcement, now: now, random: random, into: &reply)
    }
    let start = Instant.now
    let refusal = enter(announcement, now: now, random: random, into: &reply)
    counters.announceTime.observe(nanoseconds: Instant.now.nanoseconds &- start.nanoseconds)
    status.clients.count(announcement.peerID, now: now)
    return refusal
  }

  /// Enters an announce that is allowed.
  private func enter(
    _ announcement: borrowing Announcement, now: UInt32, random: UInt64, into reply: inout SwarmReply
  ) -> TrackerRefusal? {
    let isSeed = announcement.left == 0
    do throws(SwarmRefusal) {
      if let other = announcement.other {
        // The peer's own entry goes last, as its reply is the one that is sent; it alone completes a download.
        let event = announcement.event == .completed ? .regular : announcement.event
        try table.announce(
          announcement.infoHash, other, SwarmAnnounce(isSeed: isSeed, event: event, wanted: 0),
          now: now, random: random, into: &reply)
      }
      let wanted = min(announcement.wanted ?? configuration.usualWanted, configuration.maximumWanted)
      try table.announce(
        announcement.infoHash, announcement.peer,
        SwarmAnnounce(
          isSeed: isSeed, event: announcement.event, wanted: wanted, families: announcement.families),
        now: now, random: random, into: &reply)
    } catch {
      switch error {
      case .tooManyTorrents: return counters.note(.tooManyTorrents)
      }
    }
    let wantsRank = announcement.isRanked
    if extensions.rank.concerns(announcement.infoHash, asks: wantsRank) {
      rank(announcement, now: now, random: random, &reply)
    }
    return nil
  }

  /// What an announce that was taken gets beyond the reply of every tracker.
  func answer(_ query: ExtensionQuery, to announcement: borrowing Announcement, now: UInt32)
    -> ReplyExtensions
  {
    if query.isAboutPieces { counters.pieceReports.add(1, ordering: .relaxed) }
    return extensions.answer(query, to: announcement, now: now)
  }

  /// Seconds until a client is to announce again, and until it may: soon where the table waits for a second announce.
  func intervals(after reply: borrowing SwarmReply) -> (usual: Int, minimum: Int) {
    let usual = reply.isProvisional ? min(configuration.interval, 30) : configuration.interval
    return (usual, min(usual, configuration.minimumInterval ?? (usual + 1) / 2))
  }

  /// The counts of a swarm, whoever asks. An open tracker knows every torrent: of most it knows that nobody is there.
  func scrape(_ infoHash: InfoHash) -> SwarmCounts { table.scrape(infoHash) ?? SwarmCounts(downloaders: 0) }

  /// The counts of a swarm for whoever has `passkey`: as if nobody were there if it is no business of theirs.
  func scrape(_ infoHash: InfoHash, for passkey: Passkey?) -> SwarmCounts {
    access.refusal(of: infoHash, passkey: passkey) == nil ? scrape(infoHash) : SwarmCounts(downloaders: 0)
  }

  /// Whether the loop that looks after the table has done so lately.
  var isTurning: Bool { clock() &- status.lastTick <= 5 || clock() &- startedAt <= 5 }

  /// Keeps what became of the last snapshot for `/health`, and tells the log of a change.
  func note(snapshotFault fault: String?) {
    let before = status.snapshotFault.withLock { kept in
      defer { kept = fault }
      return kept
    }
    guard fault != before else { return }
    if let fault {
      configuration.log?.error("snapshot", [LogField("fault", fault)])
    } else {
      configuration.log?.info("snapshot", [LogField("fault", "over")])
    }
  }

  /// Forgets old peers, a few in each of the next `shards` shards: eight calls a second go through a small table
  /// within 16 seconds.
  func sweep(shards: Int) {
    extensions.sweep(now: clock())
    sweepTable(steps: shards, budget: 512)
  }

  /// Whether the table has so many entries that `sweepLarge` is to be called as well.
  var isLarge: Bool { table.entries > 1 << 16 }

  /// A hundred calls a second go through a large table within 16 seconds, each for a fraction of a millisecond:
  /// a longer one would keep announces waiting on a machine with few processors.
  func sweepLarge() {
    let budget = 256
    sweepTable(steps: table.entries / (budget * 1600) + 1, budget: budget)
  }

  private func sweepTable(steps: Int, budget: Int) {
    for _ in 0..<steps {
      let shard = nextShard.add(1, ordering: .relaxed).oldValue % table.shardCount
      _ = table.sweep(shard: shard, budget: budget, now: clock())
    }
  }
}
