import EventLoop

/// Spreads announces out: to one host only some are under way at a time, and after a first burst only some
/// begin a second. A session with one torrent never waits here; one with ten thousand does not fall upon
/// its tracker. Confined to one loop.
final class AnnounceGate {
  /// How much a host has to bear.
  struct Limits {
    /// Announces under way at a time.
    var concurrent = 16
    /// Announces that may begin at once after a pause.
    var burst = 50.0
    /// Announces that may begin in each second after that.
    var perSecond = 50.0
    /// Seconds without a word of a host that is being asked, after which nobody waits for its turn there
    /// before it asks another tracker.
    var silence = 2.0
  }

  /// One announce, waiting or under way.
  final class Ticket {
    fileprivate let host: Substring
    fileprivate var start: ((isolated Loop) -> Void)?
    fileprivate var isRunning = false

    fileprivate init(_ host: Substring, _ start: @escaping (isolated Loop) -> Void) {
      self.host = host
      self.start = start
    }
  }

  /// A row of tickets; those before `first` are gone.
  private struct Row {
    private var tickets: [Ticket] = []
    private var first = 0

    var next: Ticket? { first < tickets.count ? tickets[first] : nil }

    mutating func append(_ ticket: Ticket) { tickets.append(ticket) }

    mutating func dropNext() {
      first += 1
      guard first == tickets.count || first >= 1024 else { return }
      tickets.removeFirst(first)
      first = 0
    }
  }

  /// What goes to one host.
  private final class Lane {
    var running = 0
    /// When somebody last heard of the host, or began to wait for that.
    var heard: Instant
    var tokens: Double
    var refilled: Instant
    /// Nobody waits: what goes there goes together.
    var isOpen = false
    var waiting = Row()
    /// Those that say goodbye go first and do not wait for tokens.
    var leaving = Row()

    init(tokens: Double, now: Instant) {
      self.tokens = tokens
      refilled = now
      heard = now
    }

    /// The next that may begin; those that were given up are dropped on the way.
    func next(_ limits: Limits) -> Ticket? {
      while let ticket = leaving.next {
        guard ticket.start == nil || isOpen || running < limits.concurrent else { return nil }
        leaving.dropNext()
        if ticket.start != nil { return ticket }
      }
      while let ticket = waiting.next {
        guard ticket.start == nil || isOpen || running < limits.concurrent && tokens >= 1 else { return nil }
        waiting.dropNext()
        guard ticket.start != nil else { continue }
        if !isOpen { tokens -= 1 }
        return ticket
      }
      return nil
    }
  }

  let limits: Limits
  private var lanes: [Substring: Lane] = [:]
  /// Hosts for which nobody waits.
  private var opened: Set<Substring> = []
  /// Announces that wait.
  private(set) var waiting = 0
  /// Announces under way, and the most that ever were.
  private(set) var running = 0
  private(set) var mostRunning = 0

  init(_ limits: Limits = Limits()) { self.limits = limits }

  /// Has `start` run as soon as the host of `url` can bear it: at once if it is idle. Who says goodbye
  /// does not wait for the rate.
  func enter(
    _ url: String, isLast: Bool, on loop: isolated Loop, start: @escaping (isolated Loop) -> Void
  ) -> Ticket {
    let ticket = prepare(url, start: start)
    enter(ticket, isLast: isLast, on: loop)
    return ticket
  }

  /// A ticket to enter with.
  func prepare(_ url: String, start: @escaping (isolated Loop) -> Void) -> Ticket {
    Ticket(Self.host(of: url), start)
  }

  /// See `enter` above; the ticket is a new one.
  func enter(_ ticket: Ticket, isLast: Bool, on loop: isolated Loop) {
    let lane = lanes[ticket.host] ?? Lane(tokens: limits.burst, now: loop.now)
    lane.isOpen = opened.contains(ticket.host)
    lanes[ticket.host] = lane
    if isLast { lane.leaving.append(ticket) } else { lane.waiting.append(ticket) }
    waiting += 1
    advance(ticket.host, on: loop)
  }

  /// Whether an announce waits for nothing but its turn: those before it are being answered.
  func isMoving(_ ticket: Ticket, on loop: isolated Loop) -> Bool {
    guard ticket.start != nil, let lane = lanes[ticket.host] else { return false }
    return lane.running == 0 || loop.now.seconds(since: lane.heard) < limits.silence
  }

  /// The announce has ended, or is given up; `isAnswered` if the host said anything. Idempotent.
  func leave(_ ticket: Ticket, isAnswered: Bool = false, on loop: isolated Loop) {
    if isAnswered { lanes[ticket.host]?.heard = loop.now }
    if ticket.isRunning {
      ticket.isRunning = false
      running -= 1
      lanes[ticket.host]?.running -= 1
      advance(ticket.host, on: loop)
    } else if ticket.start.take() != nil {
      // It keeps its place in the row and is passed over there.
      waiting -= 1
    }
  }

  /// From now on nobody waits for the host of `url`: announces to it are put together elsewhere.
  func open(_ url: String, on loop: isolated Loop) {
    let host = Self.host(of: url)
    guard opened.count < 1000, opened.insert(host).inserted else { return }
    lanes[host]?.isOpen = true
    advance(host, on: loop)
  }

  /// Announces to the host of `url` wait for their turn again.
  func close(_ url: String) {
    opened.remove(Self.host(of: url))
    lanes[Self.host(of: url)]?.isOpen = false
  }

  /// Lets those go on whose time has come. Called twice a second while some wait.
  func tick(on loop: isolated Loop) {
    guard waiting > 0 || lanes.count > 64 else { return }
    for host in Array(lanes.keys) { advance(host, on: loop) }
  }

  private func advance(_ host: Substring, on loop: isolated Loop) {
    guard let lane = lanes[host] else { return }
    let now = loop.now
    let rested = max(0, now.seconds(since: lane.refilled))
    lane.tokens = min(limits.burst, lane.tokens + rested * limits.perSecond)
    lane.refilled = now
    // What starts may end at once and come back here.
    while let ticket = lane.next(limits) {
      if lane.running == 0 { lane.heard = now }
      lane.running += 1
      waiting -= 1
      running += 1
      mostRunning = max(mostRunning, running)
      ticket.isRunning = true
      ticket.start.take()?(loop)
    }
    if lane.running == 0, lane.waiting.next == nil, lane.leaving.next == nil, lane.tokens >= limits.burst {
      lanes[host] = nil
    }
  }

  /// The authority of a URL: what stands between `//` and the next slash.
  static func host(of url: String) -> Substring {
    guard let scheme = url.firstIndex(of: "/") else { return url[...] }
    let rest = url[scheme...].drop { $0 == "/" }
    return rest.prefix { $0 != "/" && $0 != "?" }
  }
}
