import Addresses
import ArgumentParsing
import CSystem
import Glibc
import JSON
import Logging
import TrackerServer

/// `apus tracker`: a tracker over HTTP and UDP, until interrupted.
struct TrackerService: RunnableCommand {
  static let name = "tracker"
  static let summary = "Run a tracker over HTTP and UDP until interrupted."
  static let discussion = """
    Announces at /announce, scrapes at /scrape, a status page at /, statistics as JSON at /stats, metrics for \
    Prometheus at /metrics, whether it is well at /health; UDP (BEP 15) on the same port. What peers announced lives \
    in memory and expires; with --state the next run knows it, too.
    To update without a lost announce, start the new program with the same --state and --take-over: it gets sockets \
    and swarms from the one that runs, which then ends. Sockets of the service manager (LISTEN_FDS) are used for the \
    addresses that they have.
    Options that are not asked for once only are settings: keys of a TOML file (--config) and variables of the \
    environment as well. --http-threads is 'threads' of [http] in the file and APUS_TRACKER_HTTP_THREADS. The \
    command line counts before the environment, that before the file. SIGHUP has files read again.
    """
  static let stopsCleanly = true
  static let settingSources: SettingSources? = TrackerSettings.sources
  static let parameters: [Parameter<Self>] =
    Parameter.group(\.settings, TrackerSettings.parameters)
    + Parameter.sources(\.config, variable: TrackerSettings.sources.fileVariable)
    + [
      .flag(
        \.settings.configuration.takesOver, "--take-over",
        help: "Take the place of the tracker that runs with the same --state, if one does."),
      .flag(\.json, "--json", help: "Print events, one JSON object a line."),
      .flag(\.quiet, "--quiet", "-q", help: "Print nothing, and log nothing but to a file."),
    ]
  var settings = TrackerSettings()
  var config: String?
  var json = false
  var quiet = false
  var wantsJSON: Bool { json }

  func validate() throws(UsageProblem) { try settings.validate() }

  func run(_ scene: Scene) async throws(Failure) -> ExitStatus {
    let log = quiet && settings.log.file == nil ? nil : try settings.log.open(scene)
    defer { log?.close() }
    let files = apus_raise_file_limit()
    var configuration = try settings.complete()
    configuration.log = log
    let tracker = try start(configuration, scene)
    try becomeUser()
    for notice in tracker.notices {
      if let log {
        log.warning("state", [LogField("notice", notice)])
      } else if !quiet {
        scene.console.note(notice)
      }
    }
    announce(tracker, scene)
    log?.info(
      "listening",
      [
        LogField("version", Program.apus.version), LogField("files", files),
        LogField("addresses", tracker.endpoints.map(\.description).joined(separator: ",")),
      ])
    let reload = TrackerReload(command: self, tracker: tracker, log: log, scene: scene)
    scene.hangUp.handle { reload.run() }
    tracker.onReload { () throws(TrackerError) in try reload.perform() }
    let manager = ServiceManager(scene.environment)
    // A process that has taken over is not the one that the manager started.
    manager.tell("MAINPID=\(getpid())\nREADY=1\nSTATUS=\(tracker.endpoints.count) addresses")
    await work(tracker, manager, scene)
    guard !tracker.isHandedOver else {
      log?.info("handed over", [])
      tracker.stop()
      return .success
    }
    manager.tell("STOPPING=1")
    log?.info("stopping", [LogField("peers", tracker.statistics.peers)])
    tracker.stop()
    return scene.interruptedStatus
  }

  private func announce(_ tracker: Tracker, _ scene: Scene) {
    if json {
      scene.console.event([
        "event": "listening", "addresses": .array(tracker.endpoints.map { .string($0.description) }),
        "urls": .array(tracker.announceURLs.map { .string($0) }),
      ])
    } else if !quiet {
      for url in tracker.announceURLs { scene.console.line(url) }
    }
  }

  /// Until the command is asked to end: events, and life signs for the service manager.
  private func work(_ tracker: Tracker, _ manager: ServiceManager, _ scene: Scene) async {
    let pause = min(json || tracker.keepsState ? 1 : 3600, manager.watchdogPause ?? 3600)
    while !(await scene.interruption.sleep(pause)) {
      guard !tracker.isHandedOver else { return }
      // A tracker whose loop has stopped gives none, so that it is started anew.
      if manager.watchdogPause != nil, tracker.isTurning { manager.tell("WATCHDOG=1") }
      // Also how it is noticed that nobody reads any more.
      guard json else { continue }
      let statistics = tracker.statistics
      scene.console.event([
        "event": "statistics", "torrents": JSONValue(statistics.torrents),
        "seeds": JSONValue(statistics.seeds),
        "peers": JSONValue(statistics.peers),
      ])
    }
  }

  /// Gives up the rights of root, if it is asked to.
  private func becomeUser() throws(Failure) {
    guard let user = settings.user else { return }
    guard unsafe apus_become_user(user) == 0 else {
      let code = apus_errno()
      let reason = code == 2 ? "there is no such user" : Process.message(code)
      throw Failure("cannot become user '\(user)': \(reason)")
    }
  }

  private func start(_ configuration: TrackerConfiguration, _ scene: Scene) throws(Failure) -> Tracker {
    let isActivated = scene.environment["LISTEN_FDS"] != nil
    guard configuration.listen.isEmpty, !isActivated else {
      return try start(configuration, configuration.listen, scene)
    }
    // A machine without IPv6 is none without a tracker.
    let families = [IPAddress.anyV4, .anyV6].map { Endpoint($0, port: 6969) }
    if let tracker = try? start(configuration, families, scene) { return tracker }
    return try start(configuration, [families[0]], scene)
  }

  private func start(
    _ configuration: TrackerConfiguration, _ endpoints: [Endpoint], _ scene: Scene
  ) throws(Failure) -> Tracker {
    do throws(TrackerError) {
      var configuration = configuration
      configuration.listen = endpoints
      return try Tracker(configuration) { scene.environment[$0] }
    } catch {
      throw Failure(error.description)
    }
  }
}
