import Addresses
import Bencode
import BitTorrent
import Bytes
import Digest
import JSON
import MainlineDHT
import Metainfo

/// What an `apus dht` command wants, read from its arguments, and how it is done.
enum DHTErrand: Sendable {
  case peers(InfoHash, scrape: Bool)
  case get(NodeID, salt: [UInt8])
  case put([UInt8])
  case putMutable(value: [UInt8], salt: [UInt8], seed: [UInt8], expected: Int64?)
  case ping(Endpoint)
  case sample(Endpoint)

  /// What is printed.
  struct Result: Sendable {
    var lines: [String]
    var json: JSONValue
  }

  /// Reads the arguments.
  init(_ command: DHTCommand) throws(Failure) {
    let salt = Array((command.salt ?? "").utf8)
    let subject = command.subject
    switch command.action {
    case .peers: self = .peers(try Self.infoHash(subject), scrape: command.scrape)
    case .get: self = .get(try Self.target(subject, salt), salt: salt)
    case .put:
      let value = try Self.value(subject, isInfoHash: command.isInfoHash)
      guard let key = command.key else {
        self = .put(value)
        return
      }
      let seed = try SecretKeyFile.seed(key)
      self = .putMutable(value: value, salt: salt, seed: seed, expected: command.expected.map { Int64($0) })
    case .ping: self = .ping(try Self.endpoint(subject))
    case .sample: self = .sample(try Self.endpoint(subject))
    }
  }

  /// Does it.
  func run(_ dht: DHTHandle, patience: Double) async -> Swift.Result<Result, Failure> {
    switch self {
    case .ping(let endpoint): return await Self.ping(endpoint, dht)
    case .sample(let endpoint): return await Self.sample(endpoint, dht)
    default: break
    }
    guard await dht.ready(within: patience) else {
      return .failure(Failure("no node of the DHT answers; name one with --dht-bootstrap"))
    }
    switch self {
    case .peers(let infoHash, let scrape): return .success(await Self.peers(infoHash, scrape, dht))
    case .get(let target, let salt): return await Self.get(target, salt, dht)
    case .put(let value): return Self.stored(await dht.put(.immutable(value)), .immutable(value))
    case .putMutable(let value, let salt, let seed, let expected):
      return await Self.put(value, salt, seed, expected, dht)
    case .ping, .sample: return .failure(Failure("that was done before"))
    }
  }

  private static func peers(_ infoHash: InfoHash, _ scrape: Bool, _ dht: DHTHandle) async -> Result {
    let swarm = await dht.peers(of: infoHash, scrape: scrape)
    let peers = JSONValue.array(swarm.peers.map { .string($0.description) })
    let queries = JSONValue(swarm.report.queries)
    guard scrape else {
      return Result(lines: swarm.peers.map(\.description), json: ["peers": peers, "queries": queries])
    }
    var lines = swarm.peers.map(\.description)
    let seeds = Int((swarm.report.seedFilter?.estimatedCount ?? 0).rounded())
    let others = Int((swarm.report.peerFilter?.estimatedCount ?? 0).rounded())
    lines.append("about \(seeds) seeds, \(others) others")
    return Result(
      lines: lines,
      json: ["peers": peers, "queries": queries, "seeds": JSONValue(seeds), "others": JSONValue(others)])
  }

  private static func get(
    _ target: NodeID, _ salt: [UInt8], _ dht: DHTHandle
  ) async -> Swift.Result<Result, Failure> {
    let report = await dht.item(at: target, salt: salt)
    guard let item = report.item else {
      return .failure(Failure("nothing is stored at \(target); \(report.replies) nodes were asked"))
    }
    let text = shown(item.value)
    var sequence = JSONValue.null
    if case .mutable(let item) = item { sequence = JSONValue(item.sequence) }
    let json: JSONValue = [
      "value": .string(text), "target": .string(target.description), "sequence": sequence,
    ]
    return .success(Result(lines: [text], json: json))
  }

  private static func put(
    _ value: [UInt8], _ salt: [UInt8], _ seed: [UInt8], _ expected: Int64?, _ dht: DHTHandle
  ) async -> Swift.Result<Result, Failure> {
    guard let key = Ed25519.publicKey(seed: seed) else { return .failure(Failure("the key is not one")) }
    var sequence: Int64 = 1
    let known = await dht.item(at: MutableItem.target(key: key, salt: salt), salt: salt)
    if case .mutable(let item)? = known.item {
      // The same again keeps an item alive.
      sequence = item.value == value ? item.sequence : item.sequence + 1
    }
    guard let item = MutableItem(signing: value, salt: salt, sequence: sequence, seed: seed) else {
      return .failure(Failure("the key is not one"))
    }
    return stored(await dht.put(.mutable(item), expected: expected), .mutable(item))
  }

  private static func stored(_ report: SearchReport, _ item: Item) -> Swift.Result<Result, Failure> {
    guard report.stored > 0 else {
      let reason = report.refusal.map { ": \($0)" } ?? ""
      return .failure(Failure("none of \(report.closest.count) nodes took the item\(reason)"))
    }
    let target = item.target.description
    let nodes = JSONValue(report.stored)
    guard case .mutable(let item) = item else {
      return .success(Result(lines: [target], json: ["target": .string(target), "nodes": nodes]))
    }
    var link = "magnet:?xs=urn:btpk:\(item.key.hexadecimal)"
    if !item.salt.isEmpty { link += "&s=\(item.salt.hexadecimal)" }
    let json: JSONValue = [
      "target": .string(target), "nodes": nodes, "sequence": JSONValue(item.sequence),
      "magnet": .string(link),
    ]
    return .success(Result(lines: [link], json: json))
  }

  private static func ping(_ endpoint: Endpoint, _ dht: DHTHandle) async -> Swift.Result<Result, Failure> {
    guard let response = await dht.ask(.ping, endpoint) else {
      return .failure(Failure("\(endpoint) does not answer"))
    }
    let id = response.id.description
    return .success(Result(lines: [id], json: ["id": .string(id)]))
  }

  private static func sample(_ endpoint: Endpoint, _ dht: DHTHandle) async -> Swift.Result<Result, Failure> {
    let target = NodeID.random { UInt64.random(in: 0 ... .max) }
    guard let response = await dht.ask(.sampleInfohashes(target: target, want: []), endpoint) else {
      return .failure(Failure("\(endpoint) does not answer"))
    }
    guard let samples = response.samples else { return .failure(Failure("\(endpoint) gives no samples")) }
    let names = samples.map(\.description)
    let json: JSONValue = [
      "samples": .array(names.map { .string($0) }), "count": JSONValue(response.sampleCount ?? 0),
      "interval": JSONValue(response.sampleInterval ?? 0),
    ]
    return .success(Result(lines: names, json: json))
  }

  /// A string's text; of anything else the bencoding.
  private static func shown(_ value: [UInt8]) -> String {
    guard let root = try? BencodeDocument(value, options: .lenient).root else { return value.hexadecimal }
    if let text = root.text { return text }
    if let infoHash = root["ih"]?.string, infoHash.count == 20 { return "torrent \(infoHash.hexadecimal)" }
    return String(validating: value, as: UTF8.self) ?? value.hexadecimal
  }

  // MARK: Reading arguments

  private static func infoHash(_ text: String) throws(Failure) -> InfoHash {
    if let hash = InfoHash(hexadecimal: text) { return hash }
    switch TorrentSource(text) {
    case .file(let path): return try TorrentSource.load(path).info.infoHash
    case .url: break
    case .magnet:
      if let magnet = try? Magnet(text), let hash = magnet.infoHash { return hash }
    }
    throw Failure("'\(text)' is no info-hash, no torrent file and no magnet link with an info-hash")
  }

  private static func target(_ text: String, _ salt: [UInt8]) throws(Failure) -> NodeID {
    if let target = NodeID(hexadecimal: text) { return target }
    if let key = [UInt8](hexadecimal: text), key.count == Ed25519.keySize {
      return MutableItem.target(key: key, salt: salt)
    }
    throw Failure("'\(text)' is neither a digest of 40 hexadecimal digits nor a public key of 64")
  }

  private static func value(_ text: String, isInfoHash: Bool) throws(Failure) -> [UInt8] {
    let value: Bencode = isInfoHash ? ["ih": .string(try infoHash(text).bytes)] : .text(text)
    let bytes = value.encoded()
    guard bytes.count <= Item.maximumBytes else {
      throw Failure("an item has \(Item.maximumBytes) bytes at most; this one has \(bytes.count)")
    }
    return bytes
  }

  private static func endpoint(_ text: String) throws(Failure) -> Endpoint {
    guard let endpoint = Endpoint(text), endpoint.port > 0 else {
      throw Failure("'\(text)' is no address and port such as 192.0.2.1:6881 or [::1]:6881")
    }
    return endpoint
  }
}
