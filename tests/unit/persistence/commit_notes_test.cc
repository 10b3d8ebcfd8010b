/// Notes on their way through the commit pipeline, and through the committer's queue.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "gated_store.h"
#include "pipeline_fixture.h"

namespace bluemarble::persistence {
namespace {

NoteRequest NoteOf(std::string_view text, int64_t player_id = 7) {
  NoteRequest note;
  note.player_id = player_id;
  note.tick = 30;
  note.code = 1;
  note.SetText(text);
  return note;
}

class CommitNotesTest : public PipelineTest {
 protected:
  void AcceptNote(std::string_view text) { Accept(RequestKind::kNote, UsedBytes(NoteOf(text))); }
  std::vector<std::string> Texts() {
    std::vector<std::string> texts;
    for (const auto& [key, note] : store_.notes()) texts.push_back(note.text);
    return texts;
  }
};

TEST_F(CommitNotesTest, NotesGoWithTheNextTransactionAndHaveNoCompletion) {
  AcceptNote("hello");
  AcceptNote("world");
  EXPECT_TRUE(pipeline_.due());
  EXPECT_EQ(stats_.notes_waiting.Get(), 2u);
  EXPECT_TRUE(Commit().empty());
  EXPECT_EQ(Texts(), (std::vector<std::string>{"hello", "world"}));
  const NoteRow& note = store_.notes().begin()->second;
  EXPECT_EQ(note.run, store_.meta().run);
  EXPECT_EQ(note.number, 1);
  EXPECT_EQ(note.at_us, clock_.WallUs());
  EXPECT_EQ(note.player_id, 7);
  EXPECT_EQ(note.tick, 30u);
  EXPECT_EQ(note.code, 1);
  EXPECT_EQ(stats_.commits.Get(), 1u);
  EXPECT_EQ(stats_.notes_written.Get(), 2u);
  EXPECT_EQ(stats_.notes_waiting.Get(), 0u);
  EXPECT_TRUE(pipeline_.idle());
}

TEST_F(CommitNotesTest, ALostAnswerWritesNoNoteTwiceAndALostRequestLosesNone) {
  for (const bool applied : {true, false}) {
    AcceptNote(applied ? "applied" : "lost");
    applied ? LoseAnswers() : LoseRequests();
    pipeline_.Commit();
    EXPECT_FALSE(pipeline_.idle());
    AcceptNote("meanwhile");
    Mend();
    pipeline_.Commit();
    EXPECT_TRUE(pipeline_.idle());
  }
  EXPECT_EQ(Texts(), (std::vector<std::string>{"applied", "meanwhile", "lost", "meanwhile"}));
}

TEST_F(CommitNotesTest, NotesWaitForAStoreThatIsAwayAndHoldNobodyElseUp) {
  store_.set_away(true);
  for (int i = 0; i < settings_.max_group + 5; ++i) AcceptNote("said in the dark");
  pipeline_.Commit();
  EXPECT_FALSE(pipeline_.full()) << "requests must still be taken, to be refused at once";
  AcceptLogin(1, "Ada");
  const auto answers = Commit();
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0].refusal, Refusal::kUnavailable);
  store_.set_away(false);
  clock_.now_ns += 2'000 * kMsNs;
  pipeline_.Commit();
  EXPECT_EQ(store_.notes().size(), static_cast<size_t>(settings_.max_group) + 5);
}

TEST_F(CommitNotesTest, AGroupOfNotesIsBounded) {
  for (int i = 0; i < settings_.max_group; ++i) {
    EXPECT_FALSE(pipeline_.full());
    AcceptNote("x");
  }
  EXPECT_TRUE(pipeline_.full());
  pipeline_.Commit();
  EXPECT_FALSE(pipeline_.full());
}

TEST_F(CommitNotesTest, OldNotesAreForgottenAfterTheirDays) {
  AcceptNote("old");
  Commit();
  clock_.now_ns += int64_t{settings_.retention.notes_days} * 86'400'000 * kMsNs;
  AcceptNote("new");
  Commit();
  clock_.now_ns += 61'000 * kMsNs;
  pipeline_.Maintain();
  EXPECT_EQ(Texts(), (std::vector<std::string>{"new"}));
}

TEST_F(CommitNotesTest, WithoutRetentionNotesAreKeptForEver) {
  settings_.retention.notes_days = 0;
  CommitPipeline pipeline(settings_, store_, clock_, stats_);
  AcceptNote("old");
  Commit();
  clock_.now_ns += int64_t{40'000} * 86'400'000 * kMsNs;
  pipeline.Maintain();
  EXPECT_EQ(Texts(), (std::vector<std::string>{"old"}));
}

TEST_F(CommitNotesTest, BytesThatAreNoNoteAreRefused) {
  const NoteRequest good = NoteOf("hello");
  const auto bytes = UsedBytes(good);
  EXPECT_FALSE(pipeline_.Accept(Record(RequestKind::kNote, bytes.first(bytes.size() - 1))));
  EXPECT_FALSE(pipeline_.Accept(Record(RequestKind::kNote, bytes.first(10))));
  NoteRequest bad = good;
  bad.kind = static_cast<NoteKind>(9);
  EXPECT_FALSE(pipeline_.Accept(Record(RequestKind::kNote, UsedBytes(bad))));
  bad = good;
  bad.text[2] = '\0';
  EXPECT_FALSE(pipeline_.Accept(Record(RequestKind::kNote, UsedBytes(bad))));
  bad = good;
  bad.bytes = 60'000;
  EXPECT_EQ(CheckNote(bad).code(), core::Code::kInvalid);
}

TEST(CommitterNotes, AreRefusedWhenTheQueueIsFullOrTheStoreSilentAndWrittenOtherwise) {
  TempFolder folder;
  ManualClock clock;
  PersistenceSettings settings;
  settings.queue_bytes = 64u << 10;
  auto gate = std::make_shared<GatedStore::Gate>();
  gate->closed = true;
  Committer committer(settings,
                      std::make_unique<GatedStore>(OpenOrNull(folder.path(), clock), gate), clock);
  committer.Start();
  ASSERT_TRUE(committer.RequestLogin(LoginOf(1, "Ada")).ok());
  gate->entered.wait(0);
  EXPECT_EQ(committer.AppendNote(NoteOf("a\nb")).code(), core::Code::kInvalid);
  uint64_t taken = 0;
  core::Status status;
  while ((status = committer.AppendNote(NoteOf(std::string(kMaxNoteBytes, 'x')))).ok()) ++taken;
  EXPECT_EQ(status.code(), core::Code::kFull);
  EXPECT_GT(taken, 100u);
  EXPECT_LT(taken, 300u);
  clock.now_ns += (int64_t{settings.stall_ms} + 1) * 1'000'000;
  EXPECT_EQ(committer.AppendNote(NoteOf("late")).code(), core::Code::kUnavailable);
  gate->Open();
  WaitForOne(committer);
  EXPECT_EQ(committer.Stop(5000).notes_unwritten, 0u);
  EXPECT_EQ(committer.stats().notes_written.Get(), taken);
  EXPECT_EQ(committer.AppendNote(NoteOf("after")).code(), core::Code::kDenied);
}

TEST(CommitterNotes, ThatAStopCouldNotWriteAreReported) {
  TempFolder folder;
  core::SystemClock clock;
  PersistenceSettings settings;
  class AwayStore final : public Store {
   public:
    explicit AwayStore(std::unique_ptr<Store> inner) : inner_(std::move(inner)) {}
    const StoreMeta& meta() const override { return inner_->meta(); }
    core::Status Commit(const CommitGroup&, std::span<WriteResult>, CommitReport&) override {
      return Away();
    }
    core::Status Reconnect() override { return Away(); }
    core::Result<std::optional<WriteResult>> FindResult(const IdempotencyKey&) override {
      return Away();
    }
    core::Result<PlayerRow> LoadPlayer(std::string_view) override { return Away(); }
    core::Result<uint64_t> CountPlayers() override { return Away(); }
    core::Result<std::vector<EventRow>> ReadEvents(AggregateType, int64_t, int64_t,
                                                   size_t) override {
      return Away();
    }
    core::Result<std::vector<ItemRow>> LoadWorldItems(int64_t, size_t) override { return Away(); }
    core::Status Maintain(int64_t) override { return Away(); }
    core::Result<uint64_t> PurgeKeys(int64_t, size_t) override { return Away(); }
    core::Result<uint64_t> PurgeNotes(int64_t, size_t) override { return Away(); }

   private:
    static core::Status Away() { return {core::Code::kUnavailable, "away"}; }
    std::unique_ptr<Store> inner_;
  };
  Committer committer(settings, std::make_unique<AwayStore>(OpenOrNull(folder.path(), clock)),
                      clock);
  ASSERT_TRUE(committer.AppendNote(NoteOf("hello")).ok());
  committer.Start();
  EXPECT_EQ(committer.Stop(50).notes_unwritten, 1u);
}

}  // namespace
}  // namespace bluemarble::persistence
