import Addresses
import ArgumentParsing
import JSON
import TrackerServer

/// `apus tracker`: an HTTP tracker, until interrupted.
struct TrackerService: RunnableCommand {
  static let name = "tracker"
  static let summary = "Run an HTTP tracker until interrupted."
  static let discussion = """
    Announces at /announce, scrapes at /scrape, statistics as JSON at /stats. What peers announced lives in \
    memory and expires.
    """
  static let stopsCleanly = true
  static let parameters: [Parameter<Self>] = [
    .option(
      \.listen, "--listen", "-l", value: "address:port",
      help: "Where to listen; port 0 takes a free one. Without it, port 6969 of every address."),
    .option(\.interval, "--interval", "-i", value: "time", help: "How often clients shall announce."),
    .flag(\.json, "--json", help: "Print events, one JSON object a line."),
    .flag(\.quiet, "--quiet", "-q", help: "Print nothing."),
  ]
  var listen: [Endpoint] = []
  var interval = TimeSpan(seconds: 1800)
  var json = false
  var quiet = false
  var wantsJSON: Bool { json }

  func validate() throws(UsageProblem) {
    guard interval.seconds >= 1, interval.seconds <= 86400 else {
      throw UsageProblem("--interval: choose from 1s to 1d")
    }
  }

  func run(_ scene: Scene) async throws(Failure) -> ExitStatus {
    let tracker = try start()
    if json {
      scene.console.event([
        "event": "listening", "addresses": .array(tracker.endpoints.map { .string($0.description) }),
      ])
    } else if !quiet {
      for endpoint in tracker.endpoints { scene.console.line("http://\(endpoint)/announce") }
    }
    while !(await scene.interruption.sleep(json ? 1 : 3600)) {
      // Also how it is noticed that nobody reads any more.
      guard json else { continue }
      let statistics = tracker.statistics
      scene.console.event([
        "event": "statistics", "torrents": JSONValue(statistics.torrents),
        "seeds": JSONValue(statistics.seeds),
        "peers": JSONValue(statistics.peers),
      ])
    }
    tracker.stop()
    return scene.interruptedStatus
  }

  private func start() throws(Failure) -> Tracker {
    guard listen.isEmpty else { return try start(listen) }
    // A machine without IPv6 is none without a tracker.
    let families = [IPAddress.anyV4, .anyV6].map { Endpoint($0, port: 6969) }
    if let tracker = try? start(families) { return tracker }
    return try start([families[0]])
  }

  private func start(_ endpoints: [Endpoint]) throws(Failure) -> Tracker {
    do throws(TrackerError) {
      return try Tracker(TrackerConfiguration(listen: endpoints, interval: Int(interval.seconds)))
    } catch {
      throw Failure(error.description)
    }
  }
}
