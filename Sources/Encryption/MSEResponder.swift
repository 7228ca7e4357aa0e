import Bytes
public import Digest

/// The side of an encrypted handshake that was connected to. A value without sockets. Bounded: it holds at
/// most what a handshake may have, about 66 KiB if the other side sends so much with it.
public struct MSEResponder: Sendable {
  private enum State {
    /// Waits for the other's key.
    case key
    /// Looks for the digest that ends the padding.
    case synchronisation(secret: [UInt8])
    /// Waits for the name of the torrent and what can be chosen.
    case request(secret: [UInt8])
    /// Waits for padding and the length of the first bytes.
    case padding(InfoHash, StreamCiphers, EncryptionMethod, count: Int)
    /// Waits for the first bytes.
    case first(InfoHash, StreamCiphers, EncryptionMethod, count: Int)
    case ended
  }

  private let acceptable: EncryptionMethod
  private let preferred: EncryptionMethod
  private let exchange: KeyExchange
  private var state = State.key
  private var held: [UInt8] = []

  /// Waits for a handshake. Of what is acceptable to both sides `preferred` is chosen, if it is among it.
  public init(
    accepting acceptable: EncryptionMethod, preferring preferred: EncryptionMethod = .rc4,
    exchange: KeyExchange = KeyExchange()
  ) {
    self.acceptable = acceptable
    self.preferred = preferred
    self.exchange = exchange
  }

  /// The name under which an initiator asks for a torrent: what `find` is given.
  public static func obfuscated(_ infoHash: InfoHash) -> SHA1Digest { MSEKeys.obfuscated(infoHash) }

  /// Takes in bytes of the other side; `find` gives the info-hash whose obfuscated name is asked for. After
  /// `done` or `failed` there is nothing more to do.
  public mutating func receive(_ bytes: RawSpan, find: (SHA1Digest) -> InfoHash?) -> MSEStep {
    held.append(contentsOf: bytes.array(0..<bytes.byteCount))
    var sent: [UInt8] = []
    while true {
      switch state {
      case .key:
        guard held.count >= KeyExchange.byteCount else { return .more(sent) }
        guard let secret = exchange.shared(with: Array(held.prefix(KeyExchange.byteCount))) else {
          return fail(.badKey)
        }
        held.removeFirst(KeyExchange.byteCount)
        sent = exchange.publicKey + MSESize.randomPadding()
        state = .synchronisation(secret: secret)
      case .synchronisation(let secret):
        guard let position = held.firstPosition(of: MSEKeys.synchronisation(secret).bytes) else {
          guard held.count < MSESize.padding + SHA1Digest.byteCount else { return fail(.notSynchronised) }
          return .more(sent)
        }
        guard position <= MSESize.padding else { return fail(.notSynchronised) }
        held.removeFirst(position + SHA1Digest.byteCount)
        state = .request(secret: secret)
      case .request(let secret):
        guard held.count >= SHA1Digest.byteCount + MSESize.constant + 6 else { return .more(sent) }
        if let failure = readRequest(secret, find: find) { return fail(failure) }
      case .padding(let infoHash, let ciphers, let method, let count):
        guard held.count >= count + 2 else { return .more(sent) }
        ciphers.incoming?.skip(count)
        var length = Array(held[count..<count + 2])
        ciphers.incoming?.apply(to: &length)
        held.removeFirst(count + 2)
        state = .first(
          infoHash, ciphers, method, count: Int(length.rawBytes.bigEndian(UInt16.self, at: 0)))
      case .first(let infoHash, let ciphers, let method, let count):
        guard held.count >= count else { return .more(sent) }
        return finish(infoHash, ciphers, method, count, after: sent)
      case .ended:
        return .more([])
      }
    }
  }

  /// Reads what follows the synchronisation. The reason if it cannot be met.
  private mutating func readRequest(_ secret: [UInt8], find: (SHA1Digest) -> InfoHash?) -> MSEFailure? {
    let name = MSEKeys.exclusiveOr(SHA1Digest(held.rawBytes, at: 0), MSEKeys.mask(secret))
    guard let infoHash = find(name) else { return .unknownTorrent }
    guard let incoming = MSEKeys.cipher(ofInitiator: true, secret, infoHash),
      let outgoing = MSEKeys.cipher(ofInitiator: false, secret, infoHash)
    else { return .noCipher }
    held.removeFirst(SHA1Digest.byteCount)
    var request = Array(held.prefix(MSESize.constant + 6))
    held.removeFirst(request.count)
    incoming.apply(to: &request)
    guard request.prefix(MSESize.constant).allSatisfy({ $0 == 0 }) else { return .badConstant }
    let offer = EncryptionMethod(rawValue: request.rawBytes.bigEndian(UInt32.self, at: MSESize.constant))
    let common = offer.intersection(acceptable)
    guard let method = [preferred, .rc4, .plain].first(where: common.contains) else {
      return .noCommonMethod
    }
    let count = Int(request.rawBytes.bigEndian(UInt16.self, at: MSESize.constant + 4))
    guard count <= MSESize.padding else { return .tooLong }
    state = .padding(infoHash, StreamCiphers(outgoing: outgoing, incoming: incoming), method, count: count)
    return nil
  }

  private mutating func finish(
    _ infoHash: InfoHash, _ ciphers: StreamCiphers, _ method: EncryptionMethod, _ count: Int,
    after sent: [UInt8]
  ) -> MSEStep {
    state = .ended
    var first = Array(held.prefix(count))
    var rest = Array(held.dropFirst(count))
    held = []
    ciphers.incoming?.apply(to: &first)
    if method == .rc4 { ciphers.incoming?.apply(to: &rest) }
    var answer = [UInt8](repeating: 0, count: MSESize.constant)
    answer.append(bigEndian: method.rawValue)
    let padding = MSESize.randomPadding()
    answer.append(bigEndian: UInt16(padding.count))
    answer += padding
    ciphers.outgoing?.apply(to: &answer)
    let result = MSEResult(
      infoHash: infoHash, method: method,
      ciphers: method == .rc4 ? ciphers : StreamCiphers(outgoing: nil, incoming: nil), early: first + rest)
    return .done(sent + answer, result)
  }

  private mutating func fail(_ failure: MSEFailure) -> MSEStep {
    state = .ended
    held = []
    return .failed(failure)
  }
}
