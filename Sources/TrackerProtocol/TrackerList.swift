public import Addresses

/// When to announce what to which tracker of a torrent: the tiers of BEP 12 as a state machine.
///
/// Sans-I/O: `now` is in seconds of any monotonic clock, randomness comes from the caller's generator.
/// The owner calls `next` when `deadline` has come or anything was reported, carries out the actions,
/// and reports each announce once with `succeeded` or `failed`. One announce is under way at a time, but for
/// `stopped`, which goes to all at once, and for trackers that take long: whoever has not answered within
/// `TrackerListLimits.hesitation` holds up nobody, the next one is asked beside it.
public struct TrackerList: Sendable {
  /// Names a tracker of the list: its place in the order that it was given in.
  public typealias Index = Int

  /// What the owner has to do.
  public enum Action: Sendable, Equatable {
    /// Announce `event` to the tracker at `url`, and report how it went.
    case announce(Index, url: String, event: AnnounceEvent)
    /// Give up the announce to that tracker that is under way; its outcome is not to be reported.
    case cancel(Index)
  }

  /// One tracker and what is known about it.
  public struct Tracker: Sendable {
    /// The announce URL.
    public let url: String
    /// Its tier, 0 first.
    public let tier: Int
    /// Announces that failed since the last one that did not.
    public internal(set) var failures = 0
    /// Why the last announce failed, or the warning that came with its reply.
    public internal(set) var message: String?
    /// The last reply, without its peers.
    public internal(set) var reply: AnnounceReply?
    /// Whether an announce to it is under way.
    public internal(set) var isBusy = false
    /// Whether the announce under way has taken so long that nobody waits for it.
    public internal(set) var isOverdue = false
    /// Whether it has acknowledged `started` and knows the client.
    public internal(set) var isStarted = false

    /// Families that it has answered over: who leaves says so over each of them.
    public internal(set) var answersOver: TrackerFamilies = []
    /// Families that it was found to have no address of, until it fails.
    public internal(set) var lacks: TrackerFamilies = []

    /// Not to be asked before this moment; infinite after `retry in: never`.
    var blockedUntil = -Double.infinity
    /// The last announce, and the last that was acknowledged.
    var askedAt = -Double.infinity
    var answeredAt = -Double.infinity
    /// What it was last sent, and whether that said that the download was complete.
    var sent = AnnounceEvent.regular
    var sentComplete = false
    /// It knows the client as a leech.
    var knowsLeech = false
    var owesCompleted = false

    var isUDP: Bool { url.prefix { $0 != ":" }.lowercased() == "udp" }

    /// What it gave to be sent back with every announce.
    public var trackerID: [UInt8]? { reply?.trackerID }
  }

  enum Phase: Sendable {
    case idle
    case running
    case stopping
  }

  /// All trackers, in the order that they were given in.
  public internal(set) var trackers: [Tracker] = []
  /// The tracker that answered last.
  public internal(set) var current: Index?
  /// The client's address as the last tracker that said so sees it (BEP 24).
  public internal(set) var externalAddress: IPAddress?
  /// Indices in the order that they are tried in, by tier.
  var tiers: [[Index]] = []
  var phase = Phase.idle
  var isComplete: Bool
  var isPartialSeed = false
  /// When the next announce is due, if none is under way.
  var due = Double.infinity
  let limits: TrackerListLimits

  /// A list that does nothing until `start`.
  ///
  /// Trackers with other schemes than those of `limits` and repeated URLs are left out; each tier is
  /// shuffled once (BEP 12). `isComplete` says whether all is downloaded already.
  public init(
    tiers: [[String]], isComplete: Bool, limits: TrackerListLimits = TrackerListLimits(),
    using generator: inout some RandomNumberGenerator
  ) {
    self.isComplete = isComplete
    self.limits = limits
    var known: Set<String> = []
    for (tier, urls) in tiers.enumerated() {
      var indices: [Index] = []
      for url in urls where trackers.count < limits.maximumTrackers {
        let scheme = url.prefix { $0 != ":" }.lowercased()
        guard limits.schemes.contains(scheme), known.insert(url).inserted else { continue }
        indices.append(trackers.count)
        trackers.append(Tracker(url: url, tier: tier))
      }
      indices.shuffle(using: &generator)
      if !indices.isEmpty { self.tiers.append(indices) }
    }
  }

  /// When to call `next` again, if nothing happens before; infinite if there is nothing to wait for.
  public var deadline: Double {
    guard phase == .running else { return .infinity }
    guard trackers.contains(where: { !$0.isBusy }) else { return trackers.isEmpty ? due : .infinity }
    return max(due, patienceEnds ?? due)
  }

  /// When the tracker that is waited for has taken so long that the next one is asked; `nil` if none is.
  var patienceEnds: Double? {
    trackers.lazy.filter { $0.isBusy && !$0.isOverdue }.map { $0.askedAt + limits.hesitation }.max()
  }

  /// Whether every `stopped` has been answered or has failed, or none was needed.
  public var isStopped: Bool { phase == .idle }

  /// Whether a tracker that answers has yet to hear that the download is complete: worth waiting for
  /// before `stop`, or it never counts (BEP 48 `downloaded`).
  public var owesCompletion: Bool {
    guard isComplete, phase == .running else { return false }
    return trackers.contains { tracker in
      tracker.failures == 0 && !tracker.isOverdue
        && (tracker.owesCompleted || tracker.isBusy && (tracker.sent == .completed || !tracker.sentComplete))
    }
  }

  var isBusy: Bool { trackers.contains { $0.isBusy } }
}

/// Bounds of a `TrackerList`; times in seconds.
public struct TrackerListLimits: Sendable {
  /// URL schemes that the owner can announce to.
  public var schemes: Set<String> = ["http", "https", "udp"]
  /// Trackers beyond this number are left out.
  public var maximumTrackers = 100
  /// Intervals that trackers ask for are brought into this range.
  public var interval: ClosedRange<Double> = 5...86_400
  /// Early announces keep this distance where a tracker names no `min interval`.
  public var minimumInterval = 60.0
  /// How long a tracker may take before the next one is asked beside it.
  public var hesitation = 2.0
  /// The pause after the first failure of an HTTP tracker; doubled with each further one.
  public var firstBackOff = 5.0
  /// The same for a UDP tracker: BEP 15's 15·2ⁿ s.
  public var firstBackOffUDP = 15.0
  /// The longest pause after a failure.
  public var maximumBackOff = 3840.0

  /// The defaults.
  public init() {}
}
