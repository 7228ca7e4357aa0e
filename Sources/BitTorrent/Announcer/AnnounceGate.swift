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

  private struct Lane {
    var running = 0
    var tokens: Double
    var refilled: Instant
    /// Those that wait, in order; those before `first` are gone.
    var waiting: [Ticket] = []
    var first = 0
  }

  let limits: Limits
  private var lanes: [Substring: Lane] = [:]
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
    let ticket = Ticket(Self.host(of: url), start)
    var lane = lanes[ticket.host] ?? Lane(tokens: limits.burst, refilled: loop.now)
    if isLast { lane.tokens = max(lane.tokens, 0) + 1 }
    if isLast, lane.waiting.count > lane.first {
      lane.waiting.insert(ticket, at: lane.first)
    } else {
      lane.waiting.append(ticket)
    }
    waiting += 1
    lanes[ticket.host] = lane
    advance(ticket.host, on: loop)
    return ticket
  }

  /// The announce has ended, or is given up. Idempotent.
  func leave(_ ticket: Ticket, on loop: isolated Loop) {
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

  /// Lets those go on whose time has come. Called twice a second while some wait.
  func tick(on loop: isolated Loop) {
    guard waiting > 0 || lanes.count > 64 else { return }
    for host in Array(lanes.keys) { advance(host, on: loop) }
  }

  private func advance(_ host: Substring, on loop: isolated Loop) {
    guard var lane = lanes[host] else { return }
    let now = loop.now
    lane.tokens = min(
      limits.burst, lane.tokens + max(0, now.seconds(since: lane.refilled)) * limits.perSecond)
    lane.refilled = now
    var starting: [Ticket] = []
    while lane.first < lane.waiting.count {
      let ticket = lane.waiting[lane.first]
      if ticket.start != nil {
        guard lane.running < limits.concurrent, lane.tokens >= 1 else { break }
        lane.running += 1
        lane.tokens -= 1
        waiting -= 1
        running += 1
        mostRunning = max(mostRunning, running)
        ticket.isRunning = true
        starting.append(ticket)
      }
      lane.first += 1
    }
    if lane.first == lane.waiting.count || lane.first > 1000 {
      lane.waiting.removeFirst(lane.first)
      lane.first = 0
    }
    let isIdle = lane.running == 0 && lane.waiting.isEmpty && lane.tokens >= limits.burst
    lanes[host] = isIdle ? nil : lane
    // What starts may end at once and come back here: the lane is in order by now.
    for ticket in starting { ticket.start.take()?(loop) }
  }

  /// The authority of a URL: what stands between `//` and the next slash.
  static func host(of url: String) -> Substring {
    guard let scheme = url.firstIndex(of: "/") else { return url[...] }
    let rest = url[scheme...].drop { $0 == "/" }
    return rest.prefix { $0 != "/" && $0 != "?" }
  }
}
