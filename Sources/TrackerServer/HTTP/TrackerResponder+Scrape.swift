import Bytes
import Digest
internal import Synchronization
import TrackerProtocol

extension TrackerResponder {
  /// Appends the counts of the torrents that a query names (BEP 48, BEP 21), in the order of their info-hashes and
  /// each once; false, and nothing appended, if it names none.
  func scrape(_ query: RawSpan, passkey: Passkey?, into body: inout [UInt8]) -> Bool {
    let question: ScrapeRequest
    do {
      question = try ScrapeRequest(query)
    } catch {
      core.counters.scrapes.add(1, ordering: .relaxed)
      refuse(error.description, into: &body)
      return true
    }
    guard !question.infoHashes.isEmpty else { return false }
    core.counters.scrapes.add(1, ordering: .relaxed)
    body.append(text: "d5:filesd")
    var last: InfoHash?
    for hash in question.infoHashes.sorted() where hash != last {
      last = hash
      // As if nobody were there, if it is no business of the asker.
      let counts =
        core.access.refusal(of: hash, passkey: passkey) == nil
        ? core.scrape(hash) : SwarmCounts(downloaders: 0)
      Self.append(hash, counts, to: &body)
    }
    body.append(text: "ee")
    return true
  }

  /// Appends an entry of `files`.
  static func append(_ hash: InfoHash, _ counts: SwarmCounts, to body: inout [UInt8]) {
    body.append(text: "20:")
    hash.append(to: &body)
    body.append(text: "d8:completei")
    body.append(decimal: counts.seeds)
    body.append(text: "e10:downloadedi")
    body.append(decimal: counts.downloaded)
    if let downloaders = counts.downloaders {
      body.append(text: "e11:downloadersi")
      body.append(decimal: downloaders)
    }
    body.append(text: "e10:incompletei")
    body.append(decimal: counts.leeches)
    body.append(text: "ee")
  }
}
