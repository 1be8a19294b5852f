// SPDX-License-Identifier: MIT
#include "user/sys/worker.h"

#include <condition_variable>
#include <csignal>
#include <deque>
#include <mutex>
#include <pthread.h>
#include <thread>
#include <utility>

namespace xbond::sys {

struct Worker::Shared {
    explicit Shared(EventLoop &event_loop) : loop(&event_loop) {}

    std::mutex lock;
    std::condition_variable changed;
    std::deque<Job> jobs;
    bool busy = false;
    EventLoop *loop; // null: the worker has gone

    void work() {
        std::unique_lock held(lock);
        while (loop != nullptr) {
            if (jobs.empty()) {
                changed.wait(held);
                continue;
            }
            const Job job = std::move(jobs.front());
            jobs.pop_front();
            busy = true;
            held.unlock();
            auto then = job();
            held.lock();
            busy = false;
            if (then && loop != nullptr) {
                loop->post(std::move(then));
            }
            changed.notify_all();
        }
    }
};

Worker::Worker(EventLoop &loop) : shared_(std::make_shared<Shared>(loop)) {
    sigset_t all;
    sigset_t before;
    sigfillset(&all); // signals are the loop's
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    std::thread([shared = shared_] { shared->work(); }).detach();
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Worker::~Worker() {
    const std::lock_guard held(shared_->lock);
    shared_->loop = nullptr;
    shared_->jobs.clear();
    shared_->changed.notify_all();
}

void Worker::run(Job job) {
    const std::lock_guard held(shared_->lock);
    shared_->jobs.push_back(std::move(job));
    shared_->changed.notify_all();
}

std::size_t Worker::waiting() const {
    const std::lock_guard held(shared_->lock);
    return shared_->jobs.size() + (shared_->busy ? 1 : 0);
}

bool Worker::drain(Ms patience) {
    std::unique_lock held(shared_->lock);
    return shared_->changed.wait_for(held, patience, [this] { return shared_->jobs.empty() && !shared_->busy; });
}

} // namespace xbond::sys
