import Addresses
import ArgumentParsing
import BitTorrent
import Bytes
import JSON
import MainlineDHT

/// `apus dht`: asks the DHT something, without any torrent.
struct DHTCommand: RunnableCommand {
  /// What is asked.
  enum Action: String, CaseIterable, ArgumentValue {
    case peers, get, put, ping, sample
  }

  static let name = "dht"
  static let summary = "Ask the DHT: peers of a torrent, items, single nodes."
  static let discussion = """
    peers <torrent|magnet|info-hash> prints the peers of a swarm. get <target|key> prints an item: that of \
    a digest of 40 digits, or the newest one of a public key of 64. put <text> stores an item and prints \
    its digest; with --key it is one that can be replaced, and its magnet link is printed. ping and sample \
    <address:port> ask one node whether it is there, or for info-hashes that it knows.
    """
  static let parameters: [Parameter<Self>] =
    [
      .argument(\.action, "action", help: "peers, get, put, ping or sample."),
      .argument(\.subject, "subject", help: "Whom or what; see above."),
      .option(\.listen, "--listen", "-l", value: "address:port", help: "The UDP port; any without it."),
      .option(\.patience, "--timeout", value: "time", help: "How long to wait for the DHT to be entered."),
      .flag(\.scrape, "--scrape", help: "peers: estimate the swarm's size, too."),
      .option(\.salt, "--salt", value: "text", help: "get, put: which of a key's items."),
      .option(
        \.key, "--key", value: "file",
        help: "put: the secret key, 64 hexadecimal digits in a file, which is made if there is none.",
        complete: .files(nil)),
      .option(\.expected, "--expect", value: "number", help: "put: replace only the item with this number."),
      .flag(\.isInfoHash, "--torrent", help: "put: the text is the info-hash of a torrent (BEP 46)."),
      .flag(\.json, "--json", help: "Print one JSON object."),
    ] + Parameter.group(\.options, DHTEntry.parameters)
  var action = Action.peers
  var subject = ""
  var listen: [Endpoint] = []
  var patience = TimeSpan(seconds: 15)
  var scrape = false
  var salt: String?
  var key: String?
  var expected: Int?
  var isInfoHash = false
  var json = false
  var options = DHTEntry()

  func validate() throws(UsageProblem) {
    try options.validate()
    if let salt, salt.utf8.count > MutableItem.maximumSalt {
      throw UsageProblem("--salt: the longest salt has \(MutableItem.maximumSalt) bytes")
    }
  }

  func run(_ scene: Scene) async throws(Failure) -> ExitStatus {
    let work = try DHTErrand(self)
    var configuration = SessionConfiguration()
    configuration.listen = listen.isEmpty ? configuration.listen : listen
    configuration.dht = options.configuration(listen: listen)
    // Gone in a moment: nobody should remember us (BEP 43).
    configuration.dht.isReadOnly = true
    configuration.diskThreads = 1
    let session: Session
    do throws(SessionError) {
      session = try await Session(configuration)
    } catch {
      throw Failure(error.message)
    }
    guard let dht = session.dht else { throw Failure("there is no UDP port to speak with the DHT") }
    let outcome = await work.run(dht, patience: patience.seconds)
    await session.stop()
    switch outcome {
    case .success(let result):
      if json {
        scene.console.event(result.json)
      } else {
        for line in result.lines { scene.console.line(line) }
      }
      return .success
    case .failure(let failure): throw failure
    }
  }
}
