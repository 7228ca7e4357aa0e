import Addresses
import ArgumentParsing
import JSON
import TrackerServer

/// `apus tracker`: a tracker over HTTP and UDP, until interrupted.
struct TrackerService: RunnableCommand {
  static let name = "tracker"
  static let summary = "Run a tracker over HTTP and UDP until interrupted."
  static let discussion = """
    Announces at /announce, scrapes at /scrape, statistics as JSON at /stats; UDP (BEP 15) on the same port. \
    What peers announced lives in memory and expires.
    Options that are not asked for once only are settings: keys of a TOML file (--config) and variables of the \
    environment as well. --http-threads is 'threads' of [http] in the file and APUS_TRACKER_HTTP_THREADS. The \
    command line counts before the environment, that before the file. SIGHUP has the file read again.
    """
  static let stopsCleanly = true
  static let settingSources: SettingSources? = SettingSources(
    prefix: "APUS_TRACKER_", title: "The configuration of 'apus tracker'.",
    sections: TrackerConfiguration.sections)
  static let parameters: [Parameter<Self>] =
    Parameter.group(\.configuration, TrackerConfiguration.settings)
    + Parameter.sources(\.config, variable: "APUS_TRACKER_CONFIG")
    + [
      .flag(\.json, "--json", help: "Print events, one JSON object a line."),
      .flag(\.quiet, "--quiet", "-q", help: "Print nothing."),
    ]
  var configuration = TrackerConfiguration(listen: [])
  var config: String?
  var json = false
  var quiet = false
  var wantsJSON: Bool { json }

  func validate() throws(UsageProblem) { try configuration.validate() }

  func run(_ scene: Scene) async throws(Failure) -> ExitStatus {
    let tracker = try start()
    if json {
      scene.console.event([
        "event": "listening", "addresses": .array(tracker.endpoints.map { .string($0.description) }),
        "urls": .array(tracker.announceURLs.map { .string($0) }),
      ])
    } else if !quiet {
      for url in tracker.announceURLs { scene.console.line(url) }
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
    guard configuration.listen.isEmpty else { return try start(configuration.listen) }
    // A machine without IPv6 is none without a tracker.
    let families = [IPAddress.anyV4, .anyV6].map { Endpoint($0, port: 6969) }
    if let tracker = try? start(families) { return tracker }
    return try start([families[0]])
  }

  private func start(_ endpoints: [Endpoint]) throws(Failure) -> Tracker {
    do throws(TrackerError) {
      var configuration = configuration
      configuration.listen = endpoints
      return try Tracker(configuration)
    } catch {
      throw Failure(error.description)
    }
  }
}
