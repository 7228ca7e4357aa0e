import Addresses
import ArgumentParsing
import Glibc
import JSON
import TrackerServer

/// `apus tracker`: a tracker over HTTP and UDP, until interrupted.
struct TrackerService: RunnableCommand {
  static let name = "tracker"
  static let summary = "Run a tracker over HTTP and UDP until interrupted."
  static let discussion = """
    Announces at /announce, scrapes at /scrape, statistics as JSON at /stats; UDP (BEP 15) on the same port. \
    What peers announced lives in memory and expires; with --state the next run knows it, too.
    To update without a lost announce, start the new program with the same --state and --take-over: it gets sockets \
    and swarms from the one that runs, which then ends. Sockets of the service manager (LISTEN_FDS) are used for the \
    addresses that they have.
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
      .flag(
        \.takesOver, "--take-over",
        help: "Take the place of the tracker that runs with the same --state, if one does."),
      .flag(\.json, "--json", help: "Print events, one JSON object a line."),
      .flag(\.quiet, "--quiet", "-q", help: "Print nothing."),
    ]
  var configuration = TrackerConfiguration(listen: [])
  var config: String?
  var takesOver = false
  var json = false
  var quiet = false
  var wantsJSON: Bool { json }

  func validate() throws(UsageProblem) {
    var configuration = configuration
    configuration.takesOver = takesOver
    try configuration.validate()
  }

  func run(_ scene: Scene) async throws(Failure) -> ExitStatus {
    let tracker = try start()
    for notice in tracker.notices {
      if json {
        scene.console.event(["event": "notice", "text": .string(notice)])
      } else {
        scene.console.note(notice)
      }
    }
    if json {
      scene.console.event([
        "event": "listening", "addresses": .array(tracker.endpoints.map { .string($0.description) }),
        "urls": .array(tracker.announceURLs.map { .string($0) }),
      ])
    } else if !quiet {
      for url in tracker.announceURLs { scene.console.line(url) }
    }
    while !(await scene.interruption.sleep(tracker.keepsState || json ? 1 : 3600)) {
      guard !tracker.isHandedOver else {
        tracker.stop()
        return .success
      }
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
    let isActivated = unsafe getenv("LISTEN_FDS") != nil
    guard configuration.listen.isEmpty, !isActivated else { return try start(configuration.listen) }
    // A machine without IPv6 is none without a tracker.
    let families = [IPAddress.anyV4, .anyV6].map { Endpoint($0, port: 6969) }
    if let tracker = try? start(families) { return tracker }
    return try start([families[0]])
  }

  private func start(_ endpoints: [Endpoint]) throws(Failure) -> Tracker {
    do throws(TrackerError) {
      var configuration = configuration
      configuration.listen = endpoints
      configuration.takesOver = takesOver
      return try Tracker(configuration) { name in
        unsafe getenv(name).map { unsafe String(cString: $0) }
      }
    } catch {
      throw Failure(error.description)
    }
  }
}
