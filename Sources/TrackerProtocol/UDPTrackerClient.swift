public import Addresses
import Bytes
public import Digest

/// A client of UDP trackers (BEP 15): asks for connection ids, keeps each for a minute for all questions to its
/// tracker, sends again what is not answered, and takes only answers that come from where the question went
/// and carry its random number.
///
/// Sans-I/O: `now` is in seconds of any monotonic clock, randomness comes from the caller's generator. After
/// each call the owner sends `takeDatagrams`, hands out `takeOutcomes`, and calls `advance` at `deadline`.
/// What goes to a tracker that has not answered yet is 16 bytes long, as its answer is.
///
/// Files: +Receiving (what trackers send).
public struct UDPTrackerClient: Sendable {
  /// Names a question.
  public typealias ID = Int

  /// What is asked.
  public enum Question: Sendable, Equatable {
    /// An announce; `data` is path and query of the tracker's URL (BEP 41).
    case announce(AnnounceRequest, data: [UInt8])
    /// The counts of some swarms, `UDPTrackerRequest.maximumScrape` at most.
    case scrape([InfoHash])
  }

  /// What came back.
  public enum Answer: Sendable, Equatable {
    /// To an announce.
    case announce(AnnounceReply)
    /// To a scrape.
    case scrape(ScrapeReply)
  }

  /// How a question ended.
  public struct Outcome: Sendable, Equatable {
    /// The question.
    public let id: ID
    /// The answer, or why there is none.
    public let result: Result<Answer, TrackerFault>
  }

  /// A datagram to be sent.
  public struct Datagram: Sendable, Equatable {
    /// Where to.
    public let endpoint: Endpoint
    /// What.
    public let bytes: [UInt8]
  }

  /// How long a question waits for an answer.
  public enum Patience: Sendable {
    /// Somebody waits: sent again after 2 and 4 s, given up 8 s later.
    case short
    /// The tracker has been silent before: sent once, given up after BEP 15's first 15 s. The pauses in
    /// between, 15·2ⁿ s, are those of `TrackerList`.
    case long

    var timeouts: [Double] {
      switch self {
      case .short: [2, 4, 8]
      case .long: [15]
      }
    }
  }

  struct Conversation {
    let question: Question
    let endpoint: Endpoint
    let timeouts: [Double]
    /// Time-outs that have passed.
    var attempt = 0
    var due: Double
    let transaction: UInt32
    /// The connection id that it was sent with last.
    var connection: UInt64?
    /// Whether that was asked for on its behalf: a tracker that refuses it refuses the question.
    var isFresh = false
  }

  /// One tracker.
  struct Link {
    var connection: UInt64?
    var obtainedAt = -Double.infinity
    /// The question for a connection id that is under way.
    var transaction: UInt32?
    var sentAt = -Double.infinity
    /// Questions that wait for it.
    var waiting: [ID] = []
  }

  /// What a number that was sent stands for.
  enum Purpose {
    case connect(Endpoint)
    case question(ID)
  }

  /// Seconds that a connection id is used for (BEP 15).
  static let connectionLife = 60.0
  /// Seconds between two questions for a connection id, however many wait for one.
  static let connectPause = 2.0

  var conversations: [ID: Conversation] = [:]
  var links: [Endpoint: Link] = [:]
  var transactions: [UInt32: Purpose] = [:]
  var datagrams: [Datagram] = []
  var outcomes: [Outcome] = []
  private var next = 0
  /// Datagrams that were no answer to anything asked.
  public internal(set) var strays = 0

  /// A client that has not asked anything yet.
  public init() {}

  /// Questions that wait for an answer.
  public var pending: Int { conversations.count }

  /// When to call `advance`, if nothing happens before. O(questions).
  public var deadline: Double { conversations.values.reduce(.infinity) { min($0, $1.due) } }

  /// Whether there is something to be sent or handed out.
  public var hasNews: Bool { !datagrams.isEmpty || !outcomes.isEmpty }

  /// What is to be sent.
  public mutating func takeDatagrams() -> [Datagram] {
    defer { datagrams = [] }
    return datagrams
  }

  /// What has ended.
  public mutating func takeOutcomes() -> [Outcome] {
    defer { outcomes = [] }
    return outcomes
  }

  /// Asks the tracker at `endpoint`; the outcome comes later, once, unless `cancel` comes first.
  public mutating func ask(
    _ question: Question, at endpoint: Endpoint, patience: Patience = .short, now: Double,
    using generator: inout some RandomNumberGenerator
  ) -> ID {
    next += 1
    let transaction = makeTransaction(for: .question(next), using: &generator)
    conversations[next] = Conversation(
      question: question, endpoint: endpoint, timeouts: patience.timeouts,
      due: now + patience.timeouts[0], transaction: transaction)
    push(next, now: now, using: &generator)
    return next
  }

  /// Gives a question up. Idempotent.
  public mutating func cancel(_ id: ID) { _ = end(id) }

  /// Sends again what is due, and gives up what was sent often enough.
  public mutating func advance(now: Double, using generator: inout some RandomNumberGenerator) {
    for id in conversations.keys.sorted() {
      guard var conversation = conversations[id], conversation.due <= now else { continue }
      conversation.attempt += 1
      guard conversation.attempt < conversation.timeouts.count else {
        finish(id, .failure(.unanswered))
        continue
      }
      conversation.due = now + conversation.timeouts[conversation.attempt]
      conversations[id] = conversation
      push(id, now: now, using: &generator)
    }
    guard links.count > 64 else { return }
    links = links.filter { !$0.value.waiting.isEmpty || now - $0.value.obtainedAt < Self.connectionLife }
  }

  /// Sends a question if the tracker has given a connection id, else asks for one.
  mutating func push(_ id: ID, now: Double, using generator: inout some RandomNumberGenerator) {
    guard let conversation = conversations[id] else { return }
    let endpoint = conversation.endpoint
    var link = links[endpoint] ?? Link()
    if let connection = link.connection, now - link.obtainedAt < Self.connectionLife {
      return send(id, connection)
    }
    link.connection = nil
    if !link.waiting.contains(id) { link.waiting.append(id) }
    if now - link.sentAt >= Self.connectPause {
      let transaction = link.transaction ?? makeTransaction(for: .connect(endpoint), using: &generator)
      link.transaction = transaction
      link.sentAt = now
      let bytes = UDPTrackerRequest.connect.encoded(transaction: transaction)
      datagrams.append(Datagram(endpoint: endpoint, bytes: bytes))
    }
    links[endpoint] = link
  }

  mutating func send(_ id: ID, _ connection: UInt64) {
    guard let conversation = conversations[id] else { return }
    conversations[id]?.connection = connection
    let request: UDPTrackerRequest =
      switch conversation.question {
      case .announce(let request, let data): .announce(request, connection: connection, data: data)
      case .scrape(let hashes): .scrape(hashes, connection: connection)
      }
    let bytes = request.encoded(transaction: conversation.transaction)
    datagrams.append(Datagram(endpoint: conversation.endpoint, bytes: bytes))
  }

  mutating func finish(_ id: ID, _ result: Result<Answer, TrackerFault>) {
    guard end(id) != nil else { return }
    outcomes.append(Outcome(id: id, result: result))
  }

  private mutating func end(_ id: ID) -> Conversation? {
    guard let conversation = conversations.removeValue(forKey: id) else { return nil }
    transactions[conversation.transaction] = nil
    guard var link = links[conversation.endpoint], !link.waiting.isEmpty else { return conversation }
    link.waiting.removeAll { $0 == id }
    // Nobody waits any more: a late answer is a stray.
    if link.waiting.isEmpty, let transaction = link.transaction {
      transactions[transaction] = nil
      link.transaction = nil
    }
    links[conversation.endpoint] = link
    return conversation
  }

  private mutating func makeTransaction(
    for purpose: Purpose, using generator: inout some RandomNumberGenerator
  ) -> UInt32 {
    var transaction = UInt32.random(in: 0 ... .max, using: &generator)
    while transactions[transaction] != nil { transaction &+= 1 }
    transactions[transaction] = purpose
    return transaction
  }
}
