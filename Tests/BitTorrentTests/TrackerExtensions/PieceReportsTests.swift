import Testing
import TrackerProtocol

@testable import BitTorrent

/// What trackers are told of pieces, and when.
@Suite struct PieceReportsTests {
  private func set(_ text: String) -> PieceSet { PieceSet(text.utf8) ?? PieceSet() }

  private var offer: ReplyExtensions {
    var offer = ReplyExtensions()
    offer.pieceInterval = 60
    return offer
  }

  private func ask(
    _ reports: inout PieceReports, _ have: String?, need: [Int] = [], hasRoom: Bool = false, now: Double = 0
  ) -> ExtensionQuery {
    reports.query(for: 0, have: have.map { set($0) }, need: need, hasRoom: hasRoom, now: now)
  }

  @Test func `a tracker hears all once, then what changed`() {
    var reports = PieceReports()
    #expect(ask(&reports, "0-3").have == set("0-3"))
    reports.succeeded(0, offer)
    var query = ask(&reports, "1-5")
    #expect(query.have == nil && query.got == set("4-5") && query.lost == set("0"))
    reports.succeeded(0, offer)
    query = ask(&reports, "1-5")
    #expect(query.got == PieceSet() && query.lost == nil)
    // Nobody knows whether that was heard.
    reports.failed(0)
    #expect(ask(&reports, "1-5").have == set("1-5"))
    reports.succeeded(0, offer)
    var forgetful = offer
    forgetful.wantsAll = true
    _ = ask(&reports, "1-5")
    reports.succeeded(0, forgetful)
    #expect(ask(&reports, "1-5").have == set("1-5"))
  }

  @Test func `a tracker that keeps no pieces hears little, and is never asked`() {
    var reports = PieceReports()
    let long = (0..<40).map { "\($0 * 2)" }.joined(separator: ",")
    var query = ask(&reports, long, need: [7])
    #expect(query.have == nil && query.got == nil && query.need.isEmpty)
    reports.succeeded(0, nil)
    query = ask(&reports, "0-9", need: [11])
    #expect(query.have == set("0-9") && query.need.isEmpty)
    reports.succeeded(0, nil)
    #expect(!reports.isHeard)
    #expect(reports.due(have: set("0-9"), need: [11], now: 1000).isEmpty)
    #expect(ask(&reports, nil).have == nil)
  }

  @Test func `what is too long for a URL goes only where there is room`() {
    var reports = PieceReports()
    _ = ask(&reports, "")
    reports.succeeded(0, offer)
    let long = PieceSet((0..<20_000).map { $0 * 3..<$0 * 3 + 1 })
    var query = reports.query(for: 0, have: long, need: [1], hasRoom: false, now: 0)
    #expect(query.have == nil && query.got == nil && query.need == [1])
    query = reports.query(for: 0, have: long, need: [1], hasRoom: true, now: 0)
    #expect(query.have == long && query.got == nil)
  }

  @Test func `trackers are spoken to in between for lost and wanted pieces only, and not too often`() {
    var reports = PieceReports()
    _ = ask(&reports, "0-9", now: 0)
    reports.succeeded(0, offer)
    #expect(reports.due(have: set("0-20"), need: [], now: 500).isEmpty)
    #expect(reports.due(have: set("0-9"), need: [4], now: 500) == [0])
    _ = ask(&reports, "0-9", need: [4], now: 500)
    reports.succeeded(0, offer)
    #expect(reports.due(have: set("0-9"), need: [4], now: 559).isEmpty)
    #expect(reports.due(have: set("0-9"), need: [4], now: 560) == [0])
    reports.hasLost = true
    #expect(reports.due(have: set("0-8"), need: [], now: 520).isEmpty)
    #expect(reports.due(have: set("0-8"), need: [], now: 560) == [0])
    _ = ask(&reports, "0-8", now: 560)
    reports.succeeded(0, offer)
    reports.hasLost = true
    #expect(reports.due(have: set("0-8"), need: [], now: 1000).isEmpty)
  }
}
