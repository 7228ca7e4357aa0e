import Addresses
import ArgumentParsing
import JSON
import TrackerServer

/// What is looked at: the machine, for a tracker of these settings.
struct Examination: Sendable {
  let settings: TrackerSettings

  /// Where the tracker listens.
  var endpoints: [Endpoint] {
    let given = settings.configuration.listen
    return given.isEmpty ? [IPAddress.anyV4, .anyV6].map { Endpoint($0, port: 6969) } : given
  }

  /// Everything, in the order in which it is told.
  func findings(host name: String?) -> [Finding] {
    var all = [fileLimit()] + socketBuffers() + ports()
    if let finding = connectionTracking() { all.append(finding) }
    all += [memory(), clock()]
    if let name {
      all += host(name)
    } else {
      all.append(
        Finding(
          "BEP 34", .unknown, "no host was given", remedy: "--host NAME looks at what the DNS says of it"))
    }
    return all
  }
}

/// `apus doctor`: is this machine fit for a tracker?
struct Doctor: RunnableCommand {
  static let name = "doctor"
  static let summary = "Look whether this machine is fit for a tracker, and say what to do."
  static let discussion = """
    Takes the settings of 'apus tracker', from the same file, environment and options, and looks at the limits, the \
    sockets, the ports, the clock and, with --host, at what the DNS says. Run it before the tracker, as its ports \
    must be free. The exit code is 1 if something does not work.
    """
  static let settingSources: SettingSources? = TrackerSettings.sources
  static let parameters: [Parameter<Self>] =
    [
      .option(\.host, "--host", value: "name", help: "Look at the DNS of this host name, too."),
      .option(
        \.proxy, "--proxy", value: "server",
        help: "Print a piece of configuration for a web server before the tracker, and do no more."),
      .flag(\.json, "--json", help: "Print the findings as JSON."),
    ] + Parameter.sources(\.config, variable: TrackerSettings.sources.fileVariable)
    + Parameter.hidden(Parameter.group(\.settings, TrackerSettings.parameters))
  var settings = TrackerSettings()
  var host: String?
  var proxy: ProxyKind?
  var config: String?
  var json = false

  func validate() throws(UsageProblem) { try settings.validate() }

  func run(_ scene: Scene) async throws(Failure) -> ExitStatus {
    let examination = Examination(settings: settings)
    if let proxy {
      let port = examination.endpoints.first?.port ?? 6969
      scene.console.write(ProxySnippet.text(proxy, host: host ?? "tracker.example", port: port))
      return .success
    }
    let findings = examination.findings(host: host)
    let isWell = !findings.contains { $0.mark == .bad }
    if json {
      scene.console.event(["ok": .bool(isWell), "findings": .array(findings.map(\.json))])
    } else {
      for finding in findings { print(finding, scene.console) }
    }
    return isWell ? .success : .failure
  }

  private func print(_ finding: Finding, _ console: Console) {
    let mark = finding.mark.rawValue
    let pad = String(repeating: " ", count: max(0, 8 - mark.count))
    console.line("\(mark)\(pad) \(finding.subject): \(finding.text)")
    if !finding.remedy.isEmpty { console.line("         → \(finding.remedy)") }
  }
}
